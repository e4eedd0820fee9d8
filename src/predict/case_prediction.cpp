#include "predict/case_prediction.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "predict/case_picture.h"
#include "predict/class_volumes.h"
#include "predict/mean_probabilities.h"
#include "unimiss/core/error.h"
#include "unimiss/eval/decision.h"
#include "unimiss/eval/optional_mean.h"
#include "unimiss/io/durable_file.h"
#include "unimiss/io/image.h"

namespace unimiss::predict {

namespace fs = std::filesystem;

CasePrediction::CasePrediction(const PredictionRequest& request,
                               std::vector<task::SavedNetwork> networks,
                               report::FilesOfCases references)
    : request_(request),
      networks_(std::move(networks)),
      references_(std::move(references)) {}

std::vector<std::string> CasePrediction::wanted_files(
    const augment::Case& of) const {
  const task::TaskSpec& spec = first().spec();
  std::vector<std::string> files = task::prediction_files(spec, of);
  if (request_.probabilities) {
    for (const std::string& name : class_volume_files(spec, of)) {
      files.push_back("probabilities/" + of.id + "/" + name);
    }
  }
  if (request_.overlays) files.push_back("overlays/" + of.id + ".png");
  return files;
}

std::optional<CaseRecord> CasePrediction::done(const augment::Case& of) const {
  auto record = read_record(request_.output, of.id);
  if (!record || record->input != input_text(of.images)) return std::nullopt;
  // Numbers of another reference would be wrong; without one they stay.
  const auto found = references_.find(of.id);
  if (found != references_.end() &&
      record->reference != input_text(found->second)) {
    return std::nullopt;
  }
  for (const std::string& file : wanted_files(of)) {
    if (!fs::exists(request_.output + "/" + file)) return std::nullopt;
  }
  if (!maps_are_there(request_.output, *record)) return std::nullopt;
  return record;
}

CaseRecord CasePrediction::predict(const augment::Case& of) const {
  const augment::Case with = with_reference(of);
  CaseRecord record{of.id,
                    input_text(of.images),
                    input_text(with.masks),
                    wanted_files(of),
                    {},
                    {},
                    {},
                    {}};
  forget_others(request_.output, record);
  data::CaseReference own;
  torch::Tensor image;
  task::Prediction prediction =
      predict(of, own, image, record.reference_problem);
  record.probabilities = std::move(prediction.probabilities);
  if (prediction.map.defined()) {
    keep_map(of, prediction.map, own, image, record);
  }
  record.maps =
      digests_of(request_.output, task::prediction_files(first().spec(), of));
  write_record(request_.output, record);
  return record;
}

void CasePrediction::check_apart(const augment::Case& of) const {
  const augment::Case with = with_reference(of);
  std::error_code ignored;  // what is not there is not the same
  for (const std::string& image : with.images) {
    const fs::path path = fs::absolute(image);
    if (fs::equivalent(request_.output, path, ignored) ||
        fs::equivalent(request_.output, path.parent_path(), ignored)) {
      throw ConfigError(
          "--output: is the folder of " + image +
          ", where predictions would be taken for images; choose another one");
    }
  }
  for (const std::string& file : wanted_files(of)) {
    for (const std::string& mask : with.masks) {
      if (!fs::equivalent(request_.output + "/" + file, mask, ignored))
        continue;
      throw ConfigError("--output: " + mask +
                        " would be overwritten; choose another folder");
    }
  }
}

std::string CasePrediction::file_there(const augment::Case& of) const {
  std::vector<std::string> files = wanted_files(of);
  files.emplace_back("predictions.csv");
  files.push_back("cases/" + of.id + ".json");
  files.emplace_back("overlays/worst_median_best.png");
  for (const std::string& file : files) {
    if (fs::exists(request_.output + "/" + file)) return file;
  }
  return "";
}

augment::Case CasePrediction::with_reference(const augment::Case& of) const {
  augment::Case with = of;
  const auto found = references_.find(of.id);
  if (found != references_.end()) with.masks = found->second;
  return with;
}

/// A prediction does not need the reference: where that is at fault, what is
/// wrong with it, and the case without it.
data::CaseOnBothGrids CasePrediction::read(
    const augment::Case& of, const data::CaseDecodeOptions& options,
    std::string& problem) const {
  const augment::Case with = with_reference(of);
  if (with.masks.empty() || !problem.empty()) {
    return data::read_case(of, options);
  }
  try {
    return data::read_case(with, options);
  } catch (const DataError& error) {
    data::CaseOnBothGrids without = data::read_case(of, options);
    problem = error.what();
    return without;
  }
}

/// Calls use(network, case on both grids), each grid read once.
template <class Use>
void CasePrediction::for_each_network(const augment::Case& of,
                                      std::string& problem,
                                      const Use& use) const {
  std::optional<data::CaseDecodeOptions> options;
  data::CaseOnBothGrids both;
  for (const task::SavedNetwork& network : networks_) {
    if (const auto wanted = network.task->spec().decode_options();
        options != wanted) {
      both = {};  // one at a time
      both = read(of, wanted, problem);
      options = wanted;
    }
    use(*network.task, both);
  }
}

/// What all networks say together; own becomes the case's own grid, image what
/// is on it. Saves the probabilities of a map where they are asked for.
task::Prediction CasePrediction::predict(const augment::Case& of,
                                         data::CaseReference& own,
                                         torch::Tensor& image,
                                         std::string& problem) const {
  const task::TaskSpec& spec = first().spec();
  const auto count = static_cast<int64_t>(networks_.size());
  task::Prediction together;
  std::optional<MeanProbabilities> mean;
  std::optional<ClassVolumes> volumes;
  if (request_.probabilities) {
    volumes.emplace(request_.output + "/probabilities/" + of.id,
                    spec.outputs());
  }
  const auto take = [&](int64_t z, const torch::Tensor& probabilities) {
    if (count == 1) return volumes->add(probabilities);
    if (!mean) mean.emplace(request_.output);
    mean->add(z, probabilities);
  };
  for_each_network(of, problem,
                   [&](task::Task& network, const data::CaseOnBothGrids& both) {
                     if (!image.defined()) own = both.own, image = both.image;
                     task::NetworkCase seen(both.voxels, both.own);
                     if (count > 1 || volumes) seen.take = take;
                     const task::Prediction each = network.predict(seen);
                     together.map = each.map;
                     auto& sum = together.probabilities;
                     sum.resize(each.probabilities.size());
                     for (size_t k = 0; k < sum.size(); ++k)
                       sum[k] += each.probabilities[k];
                   });
  for (double& sum : together.probabilities) sum /= static_cast<double>(count);
  for (int64_t z = 0; mean && z < together.map.size(0); ++z) {
    const torch::Tensor probabilities = mean->mean(z, count);
    together.map.select(0, z).copy_(
        eval::decided_map(probabilities, spec.target.relation(),
                          eval::ScoreKind::kProbabilities));
    if (volumes) volumes->add(probabilities);
  }
  if (volumes) volumes->write(spec, of, own.grid);
  return together;
}

void CasePrediction::keep_map(const augment::Case& of, const torch::Tensor& map,
                              const data::CaseReference& own,
                              const torch::Tensor& image,
                              CaseRecord& record) const {
  if (own.map.defined()) record.dice = dice_of(map, own.map);
  task::write_prediction(request_.output, first().spec(), of, map, own.grid);
  if (request_.overlays) draw(record, image, own, map);
}

std::optional<double> CasePrediction::dice_of(
    const torch::Tensor& map, const torch::Tensor& reference) const {
  std::vector<std::optional<double>> each;
  for (const eval::OverlapCounts& counts : first().overlap(map, reference)) {
    each.push_back(eval::dice(counts));
  }
  return eval::optional_mean(each);
}

void CasePrediction::draw(const CaseRecord& record, const torch::Tensor& image,
                          const data::CaseReference& own,
                          const torch::Tensor& map) const {
  const std::string title =
      record.dice ? fmt::format("{}   Dice {:.3f}", record.id, *record.dice)
                  : record.id;
  std::error_code ignored;  // writing tells what is wrong
  fs::create_directories(request_.output + "/overlays", ignored);
  io::write_durably(
      request_.output + "/overlays/" + record.id + ".png",
      io::encode_png(case_picture(title, image, own, map, first().spec())));
}

}  // namespace unimiss::predict
