#include "unimiss/train/nonfinite_record.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "unimiss/io/durable_file.h"
#include "unimiss/io/tensor_archive.h"

namespace unimiss::train {

std::vector<JudgedSample> judge_samples(
    const distributed::Communicator& communicator, const augment::Sample& batch,
    const std::vector<std::string>& samples) {
  std::string own;
  for (size_t i = 0; i < samples.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    bool finite = true;
    augment::for_each_tensor(
        batch, [&](const std::string&, const torch::Tensor& rows) {
          finite = finite && at::isfinite(rows[row]).all().item<bool>();
        });
    own += fmt::format("{} {}\n", finite ? 1 : 0, samples[i]);
  }
  std::vector<JudgedSample> all;
  for (const std::string& lines : communicator.gather(own)) {
    std::istringstream each(lines);
    for (std::string line; std::getline(each, line);) {
      all.push_back({line.substr(2), line[0] == '1'});
    }
  }
  return all;
}

std::string write_nonfinite(const std::string& folder, const StepRecord& record,
                            const augment::Sample& batch,
                            const std::vector<JudgedSample>& samples) {
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  const std::string stem = fmt::format("{}/step_{:08}", folder, record.step);
  std::map<std::string, torch::Tensor> tensors;
  augment::for_each_tensor(
      batch, [&](const std::string& role, const torch::Tensor& rows) {
        tensors[role] = rows.cpu();
      });
  io::save_tensors(stem + ".safetensors", tensors);
  // As in metrics.jsonl, a number that is not finite becomes null.
  using Json = nlohmann::ordered_json;
  Json json{{"step", record.step},
            {"phase", record.phase},
            {"loss", record.loss},
            {"grad_norm", record.grad_norm}};
  for (const auto& [name, value] : record.terms) json["terms"][name] = value;
  json["samples"] = Json::array();
  for (const auto& [sample, finite] : samples) {
    json["samples"].push_back(
        {{"sample", sample}, {"views_are_finite", finite}});
  }
  // Names of files may be any bytes.
  io::write_durably(
      stem + ".json",
      json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
  return stem + ".json";
}

}  // namespace unimiss::train
