#pragma once

#include <fstream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace unimiss::train {

using MetricValue = std::variant<double, int64_t, std::string>;
/// One record, in the order it is written.
using Metrics = std::vector<std::pair<std::string, MetricValue>>;

/// Appends records to a JSON-lines file, one object a line, each flushed: a run
/// that is killed leaves whole lines. Numbers that are not finite become null.
class MetricLog {
 public:
  /// Throws DataError when the file cannot be written.
  explicit MetricLog(const std::string& path);
  void write(const Metrics& metrics);

 private:
  std::string path_;
  std::ofstream file_;
};

}  // namespace unimiss::train
