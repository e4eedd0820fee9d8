#pragma once

#include <map>
#include <string>
#include <vector>

#include "report/score_table.h"
#include "unimiss/eval/classification_metrics.h"
#include "unimiss/report/evaluation.h"
#include "unimiss/report/evaluation_input.h"

/// The numbers of a classification's summary.json.
namespace unimiss::report {

struct ClassifiedCases {
  Evaluation evaluation;
  std::vector<BadCase> bad;
};

/// Probabilities and labels of all cases, by id. Throws ConfigError for a file
/// that cannot be used.
ClassifiedCases classified_cases(const EvaluationRequest& request,
                                 const EvaluationTask& task);

/// What a classification's summary tells of its cases.
struct ClassTable {
  bool exclusive = true;  ///< one class a case
  std::vector<std::string> classes;
  std::vector<std::string> cases;            ///< ids
  std::vector<std::vector<double>> scores;   ///< [case][class]
  std::vector<std::vector<int64_t>> labels;  ///< [case]
};

/// Throws Json::exception for another form.
ClassTable class_table(const Json& summary);

/// How sure it was of what is right: the probability of the case's class, or
/// the mean over classes of that of being there, or not.
std::vector<double> right_probabilities(const ClassTable& table);
/// 1 where what was predicted is right, 0 where it is not; of any number of
/// classes the share of those that are right.
std::vector<double> correctness(const ClassTable& table);

/// AUC, average precision and accuracy of some cases.
struct ClassNumbers {
  std::optional<double> auc, average_precision, accuracy;
  std::vector<std::optional<double>> class_auc, class_average_precision;

  /// All in one order, that of named().
  std::vector<std::optional<double>> values() const;
};

/// Those of any cases of a table, which is sorted once.
class ClassStatistics {
 public:
  explicit ClassStatistics(const ClassTable& table);
  /// A case may be there several times.
  ClassNumbers of(const std::vector<int64_t>& cases) const;

 private:
  bool exclusive_;
  std::vector<double> correct_;
  std::vector<eval::RankedScores> classes_;
};

/// An object with the names of a summary: "AUC", ..., "AUC_per_class": {...},
/// from items in the order of values().
Json named(const std::vector<std::string>& classes,
           const std::vector<Json>& items);

/// Of all of them, see score_intervals().
Json class_intervals(const ClassTable& table,
                     const eval::BootstrapOptions& options);

}  // namespace unimiss::report
