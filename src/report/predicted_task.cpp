#include "unimiss/report/predicted_task.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "unimiss/core/fields.h"

namespace unimiss::report {

std::optional<PredictedTask> read_predicted_task(const std::string& path) {
  std::ifstream stream(path);
  const auto json =
      nlohmann::json::parse(stream, nullptr, /*allow_exceptions=*/false);
  try {
    const auto name = json.at("target").get<std::string>();
    const auto target = augment::Target::of_name(name);
    require(target.has_value(), path, "has the unknown target '" + name + "'");
    return PredictedTask{*target,
                         json.at("classes").get<std::vector<std::string>>(),
                         json.at("label_values").get<std::vector<int64_t>>()};
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

}  // namespace unimiss::report
