#pragma once

#include <array>
#include <optional>
#include <vector>

#include "unimiss/eval/statistics.h"
#include "unimiss/report/results.h"

/// The numbers of a segmentation that are resampled, compared and shown.
namespace unimiss::report {

struct ScoreMetric {
  const char* name;
  const char* title;  ///< with its unit
};
inline constexpr std::array kScoreMetrics{
    ScoreMetric{"Dice", "Dice"},
    ScoreMetric{"IoU", "IoU"},
    ScoreMetric{"HD", "HD (mm)"},
    ScoreMetric{"HD95", "HD95 (mm)"},
    ScoreMetric{"ASSD", "ASSD (mm)"},
    ScoreMetric{"NSD", "NSD"},
    ScoreMetric{"VolumeDifference", "volume difference"},
    ScoreMetric{"RelativeVolumeError", "relative volume error"}};

/// Those of them that the results have.
std::vector<ScoreMetric> score_metrics(const SegmentationResults& results);

/// The interval of each of them, of each class and, of all, of the mean over
/// classes; none with fewer than 2 cases that count.
MetricTable<std::optional<eval::Interval>> score_intervals(
    const SegmentationResults& results, const eval::BootstrapOptions& options);

}  // namespace unimiss::report
