#pragma once

#include <array>
#include <initializer_list>
#include <string>

#include "report/score_table.h"

/// A summary.json as tables.
namespace unimiss::report {

/// The item of nested objects, null where there is none.
Json item_of(const Json& json, std::initializer_list<std::string> path);

bool is_segmentation_summary(const Json& summary);

/// The numbers of a classification: of all classes, and of each.
struct ClassColumn {
  const char* name;
  const char* of_class;
};
inline constexpr std::array kClassColumns{
    ClassColumn{"AUC", "AUC_per_class"},
    ClassColumn{"average_precision", "average_precision_per_class"},
    ClassColumn{"sensitivity", "sensitivity_per_class"},
    ClassColumn{"specificity", "specificity_per_class"},
    ClassColumn{"accuracy", "accuracy_per_class"},
    ClassColumn{"balanced_accuracy", "balanced_accuracy_per_class"},
    ClassColumn{"calibration_error", "calibration_error_per_class"}};

/// The means with their intervals, in Markdown.
std::string means_table(const Json& summary);

/// The comparison, in Markdown; empty without one.
std::string comparison_section(const Json& summary);

/// All of it for reading: settings, means, comparison, bad cases.
std::string markdown_of(const Json& summary);

/// For programs. Of a segmentation one row a case and class, then the means of
/// each class and of all with the ends of their intervals: the column `row` is
/// case, mean, low or high. Of a classification the numbers of each class and
/// of all: value, low or high. The rows of all classes have no class.
std::string csv_of(const Json& summary);

}  // namespace unimiss::report
