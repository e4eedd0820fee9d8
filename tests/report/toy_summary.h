#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "report/score_table.h"

namespace unimiss::report {

/// The Dice coefficients of a case, of classes 1, 2, ...
using ToyCase = std::pair<std::string, std::vector<std::optional<double>>>;

/// A summary.json of cases with Dice coefficients alone; its means are 0.
inline Json toy_summary(const std::vector<ToyCase>& cases,
                        const std::vector<std::string>& classes) {
  Json summary{{"foreground_mean", {{"Dice", 0}}},
               {"mean", Json::object()},
               {"metric_per_case", Json::array()},
               {"classes", Json::object()}};
  for (size_t k = 0; k < classes.size(); ++k) {
    const std::string label = std::to_string(k + 1);
    summary["mean"][label] = {{"Dice", 0}};
    summary["classes"][label] = classes[k];
  }
  for (const auto& [id, values] : cases) {
    Json metrics;
    for (size_t k = 0; k < classes.size(); ++k) {
      const auto& value = values.at(k);
      metrics[std::to_string(k + 1)]["Dice"] = value ? Json(*value) : Json();
    }
    summary["metric_per_case"].push_back({{"case", id}, {"metrics", metrics}});
  }
  return summary;
}

}  // namespace unimiss::report
