#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "unimiss/augment/case.h"
#include "unimiss/core/fields.h"
#include "unimiss/report/summary_file.h"

/// Predictions held against references.
namespace unimiss::report {

/// What the distance is in a case where only one of prediction and reference
/// has a class: the diagonal of the case's image in mm, or nothing, so that the
/// case does not count.
enum class MissingRule { kDiagonal, kExclude };

struct EvaluationRequest {
  /// Folder of unimiss-predict, or of files named as the references; of a
  /// classification also its predictions.csv.
  std::string predictions;
  /// Folder of files named as the predictions, or a list; of a classification a
  /// list.
  std::string references;
  std::string output;  ///< summary.json; .md and .csv are written beside it
  /// Left out, these three are what the folder's predict.json says.
  std::optional<augment::Target> target;
  std::vector<std::string> classes;   ///< of a label map the background first
  std::vector<int64_t> label_values;  ///< of the classes; empty: 0, 1, 2, ...
  int64_t modalities = 1;             ///< images of a case in a list
  double tolerance = 1;               ///< of the surface Dice, mm
  MissingRule missing = MissingRule::kDiagonal;
  std::vector<double> pixel_spacing;  ///< of images: mm, H and W; empty: 1
  std::string compare;                ///< summary.json of others; empty: none
  bool skip_bad = false;              ///< evaluate the cases that are good
  int64_t resamples = 10000;          ///< of the bootstrap
  uint64_t seed = 0;                  ///< likewise
  int64_t threads = 1;                ///< each holds the volumes of a case
};

struct EvaluationReport {
  std::string output;
  int64_t cases = 0;  ///< that were evaluated
  std::vector<BadCase> bad;
  std::string table;  ///< the Markdown table of the means

  std::string describe() const;
};

/// Compares every prediction with its reference and writes summary.json, in
/// nnU-Net's form, with a table for reading (.md) and one for programs (.csv):
/// docs/evaluation.md tells what is in them. The same files give the same
/// bytes.
///
/// Size, spacing, place and direction of a prediction and its reference are
/// compared before any number is computed. A case that one side lacks, that
/// cannot be read or does not fit is bad.
///
/// Throws ConfigError for what cannot be used at all: options, folders, lists.
/// Throws DataError naming all bad cases where there are some and they are not
/// to be skipped, or where no case is good; nothing is written then.
EvaluationReport evaluate_predictions(const EvaluationRequest& request);

}  // namespace unimiss::report

template <>
struct unimiss::EnumNames<unimiss::report::MissingRule> {
  static constexpr std::array kNames{
      std::pair{unimiss::report::MissingRule::kDiagonal, "diagonal"},
      std::pair{unimiss::report::MissingRule::kExclude, "exclude"}};
};
