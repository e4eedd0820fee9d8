#pragma once

#include <string>

#include "report/score_table.h"

/// Two summaries of the same cases.
namespace unimiss::report {

/// The summary.json of `path`. Throws ConfigError where it is none.
Json read_summary(const std::string& path);

/// "comparison" of a summary: `with`, the number of `cases` of both by their
/// ids, those that are `only_here` and `only_there`, and for each number, under
/// the names that it has in the summary, `difference` (here minus there) with
/// `low` and `high` of its interval, `p_value` of Wilcoxon's test (null where
/// cases have no such number by themselves) and the `cases` that count.
///
/// Of a segmentation `foreground_mean` compares the mean over classes of each
/// case. Throws ConfigError for summaries that cannot be compared: of another
/// task, other classes or settings, without a common case.
Json compare_summaries(const Json& here, const Json& there,
                       const std::string& path,
                       const eval::BootstrapOptions& options);

}  // namespace unimiss::report
