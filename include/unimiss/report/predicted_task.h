#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "unimiss/augment/case.h"

namespace unimiss::report {

/// What predictions tell of their cases, as the predict.json beside them says.
struct PredictedTask {
  augment::Target target;
  std::vector<std::string> classes;
  /// The value of each class in the files; empty: 0, 1, 2, ...
  std::vector<int64_t> label_values;
};

/// Reads a predict.json; nothing where it is missing, damaged or of another
/// program. Throws ConfigError for a target that is not known.
std::optional<PredictedTask> read_predicted_task(const std::string& path);

}  // namespace unimiss::report
