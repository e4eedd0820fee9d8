#pragma once

#include <array>
#include <string>

#include "unimiss/report/summary_file.h"

/// The summary of an evaluation as tables.
namespace unimiss::report {

/// The numbers of a classification that are shown, in their order.
inline constexpr std::array kClassMetrics{
    "AUC",      "average_precision", "sensitivity",      "specificity",
    "accuracy", "balanced_accuracy", "calibration_error"};

/// The means with their intervals, in Markdown.
std::string means_table(const Summary& summary);

/// The comparison, in Markdown; empty without one.
std::string comparison_section(const Summary& summary);

/// All of it for reading: settings, means, comparison, bad cases.
std::string markdown_of(const Summary& summary);

/// For programs. Of a segmentation one row a case and class, then the means of
/// each class and of all with the ends of their intervals: the column `row` is
/// case, mean, low or high. Of a classification the numbers of each class and
/// of all: value, low or high. The rows of all classes have no class.
std::string csv_of(const Summary& summary);

}  // namespace unimiss::report
