#pragma once

#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "unimiss/eval/statistics.h"

/// The numbers of a segmentation's summary.json, by class, metric and case.
namespace unimiss::report {

using Json = nlohmann::ordered_json;

/// A metric that has intervals and is compared.
struct SummaryMetric {
  const char* name;
  const char* title;  ///< with its unit
};
inline constexpr std::array kSummaryMetrics{
    SummaryMetric{"Dice", "Dice"},
    SummaryMetric{"IoU", "IoU"},
    SummaryMetric{"HD", "HD (mm)"},
    SummaryMetric{"HD95", "HD95 (mm)"},
    SummaryMetric{"ASSD", "ASSD (mm)"},
    SummaryMetric{"NSD", "NSD"},
    SummaryMetric{"VolumeDifference", "volume difference"},
    SummaryMetric{"RelativeVolumeError", "relative volume error"}};

struct ScoreTable {
  std::vector<std::string> cases;   ///< ids
  std::vector<std::string> labels;  ///< keys of the classes
  std::vector<std::string> names;   ///< of the classes
  std::vector<std::string>
      stored;  ///< their values in files, as nnU-Net's keys
  std::vector<SummaryMetric> metrics;
  /// [class][metric][case]
  std::vector<std::vector<eval::CaseValues>> values;
};

/// Of a summary in nnU-Net's form; where it has no ids they are made of the
/// files' names, where it has no names of classes they are the labels. Throws
/// Json::exception for another form.
ScoreTable score_table(const Json& summary);

/// "mean", of each class, and "foreground_mean", of the mean over classes: of
/// each metric `low`, `high` and the `cases` that count; null with fewer
/// than 2.
Json score_intervals(const ScoreTable& table,
                     const eval::BootstrapOptions& options);

/// The numbers of an interval or, without one, null.
Json interval_json(const std::optional<eval::Interval>& interval);

/// A number of a summary, or nothing where it is null.
std::optional<double> number_of(const Json& value);

}  // namespace unimiss::report
