#include "unimiss/train/evaluation.h"

#include "unimiss/train/prediction_files.h"

namespace unimiss::train {
namespace {

/// Thrown between windows where a prediction is asked to stop.
struct Stopped {};

/// What the networks are given of a case, and what they are held against.
struct Question {
  const data::Case& from;
  const data::CaseDecodeOptions& options;
  data::CaseVoxels voxels;
  data::CaseReference reference;  ///< of a segmentation
};

CaseResult segment(const CasePredictor& predictor, const Question& question,
                   const std::function<void()>& stop,
                   const std::string& folder) {
  const auto& [from, options, voxels, reference] = question;
  const auto own = reference.grid.voxels.sizes();
  const torch::Tensor map = predict_map({predictor, voxels, reference.scale},
                                        {own[0], own[1], own[2]}, stop);
  CaseResult result;
  result.id = from.id;
  result.reference = from.masks.front();
  result.counts =
      overlap_of(options.target, map, reference.map, options.classes);
  if (!folder.empty()) {
    const MapFormat format{options.rank, options.target, predictor.classes,
                           options.label_values};
    result.prediction =
        write_prediction(folder, format, from, map, reference.grid).front();
  }
  return result;
}

CaseResult classify(const CasePredictor& predictor, const Question& question,
                    const std::function<void()>& stop) {
  CaseResult result;
  result.id = question.from.id;
  result.labels = question.from.labels;
  result.probabilities =
      predict_classes({predictor, question.voxels, {1, 1, 1}}, stop);
  return result;
}

/// evaluate(), with a folder for the label maps of a single network.
std::optional<std::vector<Evaluation>> evaluate_all(
    const std::vector<CasePredictor>& predictors, const data::CaseCache& cases,
    const std::vector<int64_t>& numbers,
    const std::function<bool()>& asked_to_stop, const std::string& folder) {
  std::vector<Evaluation> evaluations;
  evaluations.reserve(predictors.size());
  for (const CasePredictor& predictor : predictors) {
    evaluations.push_back(
        {predictor.config.task.target, predictor.classes, {}});
  }
  const bool segmentation = data::is_segmentation(cases.options().target);
  const auto stop = [&] {
    if (asked_to_stop()) throw Stopped();
  };
  try {
    for (const int64_t number : numbers) {
      stop();
      const data::Case& from = cases.at(number);
      Question question{from, cases.options(), cases.get(number), {}};
      if (segmentation) {
        question.reference = read_case_reference(from, cases.options());
      }
      for (size_t i = 0; i < predictors.size(); ++i) {
        evaluations[i].cases.push_back(
            segmentation ? segment(predictors[i], question, stop, folder)
                         : classify(predictors[i], question, stop));
      }
    }
  } catch (const Stopped&) {
    return std::nullopt;
  }
  return evaluations;
}

}  // namespace

std::optional<std::vector<Evaluation>> evaluate(
    const std::vector<CasePredictor>& predictors, const data::CaseCache& cases,
    const std::vector<int64_t>& numbers,
    const std::function<bool()>& asked_to_stop) {
  return evaluate_all(predictors, cases, numbers, asked_to_stop, "");
}

std::optional<Evaluation> evaluate(const CasePredictor& predictor,
                                   const data::CaseCache& cases,
                                   const std::vector<int64_t>& numbers,
                                   const std::function<bool()>& asked_to_stop,
                                   const std::string& predictions_folder) {
  auto evaluations = evaluate_all({predictor}, cases, numbers, asked_to_stop,
                                  predictions_folder);
  if (!evaluations) return std::nullopt;
  return std::move(evaluations->front());
}

}  // namespace unimiss::train
