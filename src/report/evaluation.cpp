#include "unimiss/report/evaluation.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "unimiss/eval/classification_metrics.h"
#include "unimiss/eval/optional_mean.h"

namespace unimiss::report {
namespace {

using Json = nlohmann::ordered_json;
using OptionalValues = std::vector<std::optional<double>>;

/// The key of what a summary was made with.
constexpr const char* kFacts = "run";
/// That of numbers(), for a run that is called again.
constexpr const char* kNumbers = "numbers";

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

/// The Dice coefficient of one class in each case.
OptionalValues dice_of_class(const Evaluation& evaluation, size_t item) {
  OptionalValues values;
  for (const CaseResult& result : evaluation.cases) {
    values.push_back(eval::dice(result.counts.at(item)));
  }
  return values;
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
      if (!result.further.empty()) {
        for (const auto& [name, value] : result.further.at(item)) {
          metrics[label][name] = json_of(value);
        }
      }
      by_class[label].push_back(metrics[label]);
    }
    cases.push_back({{"case", result.id},
                     {"metrics", metrics},
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

/// Of each class by its name; nothing where there are no values.
void add_per_class(Json& json, const Evaluation& evaluation, const char* name,
                   const OptionalValues& values) {
  for (size_t k = 0; k < values.size(); ++k) {
    json[name][evaluation.classes.at(k)] = json_of(values[k]);
  }
}

Json json_of(const torch::Tensor& confusion) {
  Json matrix = Json::array();
  for (int64_t i = 0; i < confusion.size(0); ++i) {
    Json row = Json::array();
    for (int64_t j = 0; j < confusion.size(1); ++j) {
      row.push_back(confusion[i][j].item<int64_t>());
    }
    matrix.push_back(row);
  }
  return matrix;
}

/// What both kinds of classification have.
template <class Metrics>
Json metrics_json(const Evaluation& evaluation, const Metrics& metrics) {
  Json json{{"AUC", json_of(metrics.auc)},
            {"average_precision", json_of(metrics.average_precision)},
            {"accuracy", json_of(metrics.accuracy)},
            {"calibration_error", json_of(metrics.calibration_error)}};
  add_per_class(json, evaluation, "AUC_per_class", metrics.class_auc);
  add_per_class(json, evaluation, "average_precision_per_class",
                metrics.class_average_precision);
  add_per_class(json, evaluation, "sensitivity_per_class",
                metrics.class_sensitivity);
  add_per_class(json, evaluation, "specificity_per_class",
                metrics.class_specificity);
  return json;
}

Json classification_json(const Evaluation& evaluation) {
  Json json;
  if (evaluation.target == augment::TargetKind::kClass) {
    const eval::ClassificationMetrics metrics = class_metrics(evaluation);
    json = metrics_json(evaluation, metrics);
    json["balanced_accuracy"] = json_of(metrics.balanced_accuracy);
    json["confusion_matrix"] = json_of(metrics.confusion);
  } else {
    const eval::MultiLabelMetrics metrics = label_metrics(evaluation);
    json = metrics_json(evaluation, metrics);
    add_per_class(json, evaluation, "accuracy_per_class",
                  metrics.class_accuracy);
    add_per_class(json, evaluation, "calibration_error_per_class",
                  metrics.class_calibration_error);
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
    if (evaluation.target == augment::TargetKind::kClass) {
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

}  // namespace

std::vector<eval::OverlapCounts> overlap_of(augment::TargetKind target,
                                            const torch::Tensor& prediction,
                                            const torch::Tensor& reference,
                                            int64_t classes) {
  return target == augment::TargetKind::kStructures
             ? eval::structure_overlap(prediction, reference, classes)
             : eval::class_overlap(prediction, reference, classes);
}

size_t first_class(augment::TargetKind target) {
  return target == augment::TargetKind::kLabelMap ? 1 : 0;
}

std::optional<double> Evaluation::score() const {
  if (cases.empty()) return std::nullopt;
  if (target == augment::TargetKind::kClass) return class_metrics(*this).auc;
  if (target == augment::TargetKind::kClasses) return label_metrics(*this).auc;
  OptionalValues means;
  for (size_t item = 0; item + first_class(target) < classes.size(); ++item) {
    means.push_back(eval::optional_mean(dice_of_class(*this, item)));
  }
  return eval::optional_mean(means);
}

const char* Evaluation::score_name() const {
  return augment::is_segmentation(target) ? "Dice" : "AUC";
}

std::map<std::string, double> Evaluation::numbers() const {
  std::map<std::string, double> numbers;
  const auto add = [&](const std::string& name,
                       const std::optional<double>& value) {
    if (value) numbers[name] = *value;
  };
  if (cases.empty()) return numbers;
  if (augment::is_segmentation(target)) {
    add("dice", score());
    const size_t first = first_class(target);
    for (size_t k = first; k < classes.size(); ++k) {
      add("dice_" + classes[k],
          eval::optional_mean(dice_of_class(*this, k - first)));
    }
    return numbers;
  }
  add("auc", score());
  add("accuracy", target == augment::TargetKind::kClass
                      ? class_metrics(*this).accuracy
                      : label_metrics(*this).accuracy);
  numbers["loss"] = log_loss(*this);
  return numbers;
}

std::string Evaluation::summary_json(
    const std::map<std::string, std::string>& facts) const {
  Json json{{kFacts, facts}, {kNumbers, numbers()}};
  json.update(augment::is_segmentation(target) ? segmentation_json(*this)
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

}  // namespace unimiss::report
