#include "unimiss/finetune/validation.h"

#include <nlohmann/json.hpp>

#include "unimiss/distributed/agreement.h"
#include "unimiss/report/evaluation.h"
#include "unimiss/task/prediction_files.h"

namespace unimiss::finetune {
namespace {

/// Thrown between windows where a prediction is asked to stop.
struct Stopped {};

/// What the networks are given of a case, and what they are held against.
struct Question {
  const augment::Case& from;
  const data::CaseDecodeOptions& options;
  augment::CaseVoxels voxels;
  data::CaseReference reference;  ///< of a segmentation
};

report::CaseResult segment(const task::CasePredictor& predictor,
                           const Question& question,
                           const std::function<void()>& stop,
                           const std::string& folder) {
  const auto& [from, options, voxels, reference] = question;
  const auto own = reference.grid.voxels.sizes();
  const torch::Tensor map = task::predict_map(
      {predictor, voxels, reference.scale}, {own[0], own[1], own[2]}, stop);
  report::CaseResult result;
  result.id = from.id;
  result.reference = from.masks.front();
  result.counts = report::overlap_of(options.target.kind(), map, reference.map,
                                     options.classes);
  if (!folder.empty()) {
    const task::MapFormat format{options.rank, options.target.kind(),
                                 predictor.classes, options.label_values};
    result.prediction =
        task::write_prediction(folder, format, from, map, reference.grid)
            .front();
  }
  return result;
}

report::CaseResult classify(const task::CasePredictor& predictor,
                            const Question& question,
                            const std::function<void()>& stop) {
  report::CaseResult result;
  result.id = question.from.id;
  result.labels = question.from.labels;
  result.probabilities =
      task::predict_classes({predictor, question.voxels, {1, 1, 1}}, stop);
  return result;
}

/// What each network says of a case.
std::vector<report::CaseResult> evaluate_case(
    const std::vector<task::CasePredictor>& predictors,
    const data::CaseCache& cases, int64_t number,
    const std::function<void()>& stop, const std::string& folder) {
  const augment::Case& from = cases.at(number);
  const bool segmentation = cases.options().target.is_segmentation();
  Question question{from, cases.options(), cases.get(number), {}};
  if (segmentation) {
    question.reference = read_case_reference(from, cases.options());
  }
  std::vector<report::CaseResult> results;
  results.reserve(predictors.size());
  for (const task::CasePredictor& predictor : predictors) {
    results.push_back(segmentation ? segment(predictor, question, stop, folder)
                                   : classify(predictor, question, stop));
  }
  return results;
}

nlohmann::json json_of(const report::CaseResult& result) {
  nlohmann::json counts = nlohmann::json::array();
  for (const auto& of : result.counts) {
    counts.push_back({of.true_positive, of.false_positive, of.false_negative,
                      of.true_negative});
  }
  return {result.id, result.reference,     result.prediction,
          counts,    result.probabilities, result.labels};
}

report::CaseResult result_of(const nlohmann::json& json) {
  report::CaseResult result;
  result.id = json[0];
  result.reference = json[1];
  result.prediction = json[2];
  for (const auto& of : json[3]) {
    result.counts.push_back({of[0], of[1], of[2], of[3]});
  }
  result.probabilities = json[4].get<std::vector<double>>();
  result.labels = json[5].get<std::vector<int64_t>>();
  return result;
}

/// What every process has found of its case, by process; of one without a case
/// nothing. Numbers survive to the bit.
std::vector<std::vector<report::CaseResult>> exchange(
    const distributed::Communicator& communicator,
    std::vector<report::CaseResult> own) {
  if (communicator.size() == 1) return {std::move(own)};
  nlohmann::json told = nlohmann::json::array();
  for (const report::CaseResult& result : own) told.push_back(json_of(result));
  std::vector<std::vector<report::CaseResult>> all;
  // Names of files may be any bytes, which JSON's text may not.
  const std::vector<uint8_t> bytes = nlohmann::json::to_cbor(told);
  for (const std::string& text :
       communicator.gather(std::string(bytes.begin(), bytes.end()))) {
    auto& results = all.emplace_back();
    for (const auto& each : nlohmann::json::from_cbor(text)) {
      results.push_back(result_of(each));
    }
  }
  return all;
}

}  // namespace

std::optional<std::vector<report::Evaluation>> evaluate(
    const distributed::Communicator& communicator,
    const std::vector<task::CasePredictor>& predictors,
    const data::CaseCache& cases, const std::vector<int64_t>& numbers,
    const std::function<bool()>& asked_to_stop, const std::string& folder) {
  std::vector<report::Evaluation> evaluations;
  evaluations.reserve(predictors.size());
  for (const task::CasePredictor& predictor : predictors) {
    evaluations.push_back(
        {predictor.config.task.target, predictor.classes, {}});
  }
  const auto stop = [&] {
    if (asked_to_stop()) throw Stopped();
  };
  // A case for each process, and again: none waits longer than for one case.
  const auto processes = static_cast<size_t>(communicator.size());
  const auto rank = static_cast<size_t>(communicator.rank());
  for (size_t begin = 0; begin < numbers.size(); begin += processes) {
    std::vector<report::CaseResult> own;
    distributed::Opinion opinion;
    try {
      stop();
      if (begin + rank < numbers.size()) {
        own = evaluate_case(predictors, cases, numbers[begin + rank], stop,
                            folder);
      }
    } catch (const Stopped&) {
      opinion.stop = "a request";
    } catch (...) {
      opinion.failure = std::current_exception();
    }
    if (distributed::agree(communicator, opinion).stop) return std::nullopt;
    for (auto& of_process : exchange(communicator, std::move(own))) {
      for (size_t i = 0; i < of_process.size(); ++i) {
        evaluations[i].cases.push_back(std::move(of_process[i]));
      }
    }
  }
  return evaluations;
}

}  // namespace unimiss::finetune
