#pragma once

#include <string>

#include "unimiss/report/summary_file.h"

/// Two summaries of the same cases.
namespace unimiss::report {

/// Of the numbers that both have: here minus there, over the cases of both by
/// their ids, with an interval, the p value of Wilcoxon's test (none where
/// cases have no such number by themselves) and the cases that count. Classes
/// are found by name, or where there are no names by their value in the files.
///
/// Of a segmentation all classes are compared by the mean over classes of each
/// case. Throws ConfigError for summaries that cannot be compared: of another
/// task, other classes or settings, without a common case. `path`: that of the
/// other.
Comparison compare_summaries(const Summary& here, const Summary& there,
                             const std::string& path,
                             const eval::BootstrapOptions& options);

}  // namespace unimiss::report
