#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace unimiss::train {

using MetricValue = std::variant<double, int64_t, std::string>;
/// One record, in the order it is written.
using Metrics = std::vector<std::pair<std::string, MetricValue>>;

/// What the name of a loss term begins with in a record: "loss/volume".
inline constexpr std::string_view kLossTerm = "loss/";

/// Appends records to a JSON-lines file, one object a line, each flushed: a run
/// that is killed leaves whole lines. Numbers that are not finite become null.
///
/// All errors are DataErrors that name the file.
class MetricLog {
 public:
  explicit MetricLog(const std::string& path);
  void write(const Metrics& metrics);
  /// Waits until all records are on the disk.
  void sync();

  /// Cuts a file after its records of steps up to this one, for a run that goes
  /// on there: what a killed process wrote later, or half, is written anew.
  /// Returns the records that stay. A file that is missing has none; lines that
  /// are no records are left out with a warning, and a copy is kept.
  static std::vector<Metrics> keep_until(const std::string& path, int64_t step);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  [[noreturn]] void fail() const;

  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace unimiss::train
