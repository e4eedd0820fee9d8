#include "unimiss/train/evaluation.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "unimiss/eval/classification_metrics.h"
#include "unimiss/eval/optional_mean.h"
#include "unimiss/train/prediction_files.h"

namespace unimiss::train {
namespace {

using Json = nlohmann::ordered_json;
using OptionalValues = std::vector<std::optional<double>>;

/// The key of what a summary was made with.
constexpr const char* kFacts = "run";
/// That of numbers(), for a run that is called again.
constexpr const char* kNumbers = "numbers";

/// Thrown between windows where a prediction is asked to stop.
struct Stopped {};

/// The Dice coefficient of one class in each case.
OptionalValues dice_of_class(const Evaluation& evaluation, size_t item) {
  OptionalValues values;
  for (const CaseResult& result : evaluation.cases) {
    values.push_back(eval::dice(result.counts.at(item)));
  }
  return values;
}

/// Structures are all foreground; of a label map the first class is not.
size_t first_class(data::TargetKind target) {
  return target == data::TargetKind::kLabelMap ? 1 : 0;
}

torch::Tensor probabilities_of(const Evaluation& evaluation) {
  std::vector<torch::Tensor> rows;
  for (const CaseResult& result : evaluation.cases) {
    rows.push_back(at::tensor(result.probabilities, torch::kDouble));
  }
  return at::stack(rows);
}

eval::ClassificationMetrics class_metrics(const Evaluation& evaluation) {
  std::vector<int64_t> labels;
  for (const CaseResult& result : evaluation.cases) {
    labels.push_back(result.labels.at(0));
  }
  return eval::classification_metrics(probabilities_of(evaluation),
                                      at::tensor(labels, torch::kLong));
}

eval::MultiLabelMetrics label_metrics(const Evaluation& evaluation) {
  const torch::Tensor probabilities = probabilities_of(evaluation);
  torch::Tensor reference = at::zeros_like(probabilities, torch::kLong);
  for (size_t i = 0; i < evaluation.cases.size(); ++i) {
    for (const int64_t label : evaluation.cases[i].labels) {
      reference[static_cast<int64_t>(i)][label] = 1;
    }
  }
  return eval::multi_label_metrics(probabilities, reference);
}

Json json_of(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

/// As nnU-Net calls them.
Json json_of(const eval::OverlapCounts& counts) {
  return {{"Dice", json_of(eval::dice(counts))},
          {"IoU", json_of(eval::iou(counts))},
          {"FN", counts.false_negative},
          {"FP", counts.false_positive},
          {"TN", counts.true_negative},
          {"TP", counts.true_positive},
          {"n_pred", counts.n_pred()},
          {"n_ref", counts.n_ref()}};
}

/// The mean of every number over a list of objects, leaving out nulls.
Json mean_of(const std::vector<Json>& objects) {
  Json mean;
  if (objects.empty()) return mean;
  for (const auto& [name, ignored] : objects.front().items()) {
    OptionalValues values;
    for (const Json& object : objects) {
      const Json& value = object.at(name);
      values.push_back(value.is_null() ? std::nullopt
                                       : std::optional(value.get<double>()));
    }
    mean[name] = json_of(eval::optional_mean(values));
  }
  return mean;
}

Json segmentation_json(const Evaluation& evaluation) {
  const size_t first = first_class(evaluation.target);
  Json cases = Json::array();
  std::map<std::string, std::vector<Json>> by_class;
  Json classes = Json::object();
  for (size_t k = first; k < evaluation.classes.size(); ++k) {
    classes[std::to_string(k)] = evaluation.classes[k];
  }
  for (const CaseResult& result : evaluation.cases) {
    Json metrics;
    for (size_t item = 0; item < result.counts.size(); ++item) {
      const std::string label = std::to_string(item + first);
      metrics[label] = json_of(result.counts[item]);
      by_class[label].push_back(metrics[label]);
    }
    cases.push_back({{"metrics", metrics},
                     {"prediction_file", result.prediction},
                     {"reference_file", result.reference}});
  }
  Json mean;
  std::vector<Json> means;
  for (const auto& [label, ignored] : classes.items()) {
    mean[label] = mean_of(by_class[label]);
    means.push_back(mean[label]);
  }
  return {{"foreground_mean", mean_of(means)},
          {"mean", mean},
          {"metric_per_case", cases},
          {"classes", classes}};
}

Json classification_json(const Evaluation& evaluation) {
  Json json;
  OptionalValues class_auc;
  if (evaluation.target == data::TargetKind::kClass) {
    const eval::ClassificationMetrics metrics = class_metrics(evaluation);
    json = {{"AUC", json_of(metrics.auc)},
            {"accuracy", json_of(metrics.accuracy)},
            {"balanced_accuracy", json_of(metrics.balanced_accuracy)}};
    Json matrix = Json::array();
    for (int64_t i = 0; i < metrics.confusion.size(0); ++i) {
      Json row = Json::array();
      for (int64_t j = 0; j < metrics.confusion.size(1); ++j) {
        row.push_back(metrics.confusion[i][j].item<int64_t>());
      }
      matrix.push_back(row);
    }
    json["confusion_matrix"] = matrix;
    class_auc = metrics.class_auc;
  } else {
    const eval::MultiLabelMetrics metrics = label_metrics(evaluation);
    json = {{"AUC", json_of(metrics.auc)},
            {"accuracy", json_of(metrics.accuracy)}};
    class_auc = metrics.class_auc;
  }
  for (size_t k = 0; k < class_auc.size(); ++k) {
    json["AUC_per_class"][evaluation.classes.at(k)] = json_of(class_auc[k]);
  }
  json["classes"] = evaluation.classes;
  json["metric_per_case"] = Json::array();
  for (const CaseResult& result : evaluation.cases) {
    json["metric_per_case"].push_back(
        {{"case", result.id},
         {"labels", result.labels},
         {"probabilities", result.probabilities}});
  }
  return json;
}

/// The mean cross-entropy of the probabilities.
double log_loss(const Evaluation& evaluation) {
  double sum = 0;
  for (const CaseResult& result : evaluation.cases) {
    const auto& p = result.probabilities;
    const auto surprise = [](double probability) {
      return -std::log(std::max(probability, 1e-12));
    };
    if (evaluation.target == data::TargetKind::kClass) {
      sum += surprise(p.at(result.labels.at(0)));
      continue;
    }
    double each = 0;
    for (size_t k = 0; k < p.size(); ++k) {
      const bool has =
          std::find(result.labels.begin(), result.labels.end(),
                    static_cast<int64_t>(k)) != result.labels.end();
      each += surprise(has ? p[k] : 1 - p[k]);
    }
    sum += each / static_cast<double>(p.size());
  }
  return sum / static_cast<double>(evaluation.cases.size());
}

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
  const bool structures = options.target == data::TargetKind::kStructures;
  CaseResult result;
  result.id = from.id;
  result.reference = from.masks.front();
  result.counts =
      structures ? eval::structure_overlap(map, reference.map, options.classes)
                 : eval::class_overlap(map, reference.map, options.classes);
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

/// What an object in a file of summary_json() holds.
template <class Value>
std::map<std::string, Value> items_of(const std::string& path,
                                      const char* key) {
  std::ifstream file(path);
  const Json json = Json::parse(file, nullptr, /*allow_exceptions=*/false);
  try {
    return json.at(key).get<std::map<std::string, Value>>();
  } catch (const Json::exception&) {
    return {};
  }
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

std::optional<double> Evaluation::score() const {
  if (cases.empty()) return std::nullopt;
  if (target == data::TargetKind::kClass) return class_metrics(*this).auc;
  if (target == data::TargetKind::kClasses) return label_metrics(*this).auc;
  OptionalValues means;
  for (size_t item = 0; item + first_class(target) < classes.size(); ++item) {
    means.push_back(eval::optional_mean(dice_of_class(*this, item)));
  }
  return eval::optional_mean(means);
}

const char* Evaluation::score_name() const {
  return data::is_segmentation(target) ? "Dice" : "AUC";
}

std::map<std::string, double> Evaluation::numbers() const {
  std::map<std::string, double> numbers;
  const auto add = [&](const std::string& name,
                       const std::optional<double>& value) {
    if (value) numbers[name] = *value;
  };
  if (cases.empty()) return numbers;
  if (data::is_segmentation(target)) {
    add("dice", score());
    const size_t first = first_class(target);
    for (size_t k = first; k < classes.size(); ++k) {
      add("dice_" + classes[k],
          eval::optional_mean(dice_of_class(*this, k - first)));
    }
    return numbers;
  }
  add("auc", score());
  add("accuracy", target == data::TargetKind::kClass
                      ? class_metrics(*this).accuracy
                      : label_metrics(*this).accuracy);
  numbers["loss"] = log_loss(*this);
  return numbers;
}

std::string Evaluation::summary_json(
    const std::map<std::string, std::string>& facts) const {
  Json json{{kFacts, facts}, {kNumbers, numbers()}};
  json.update(data::is_segmentation(target) ? segmentation_json(*this)
                                            : classification_json(*this));
  // A path need not be UTF-8.
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::map<std::string, std::string> summary_facts(const std::string& file) {
  return items_of<std::string>(file, kFacts);
}

std::map<std::string, double> summary_numbers(const std::string& file) {
  return items_of<double>(file, kNumbers);
}

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
