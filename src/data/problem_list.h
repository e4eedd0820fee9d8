#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "unimiss/core/error.h"

namespace unimiss::data {

/// Collects what is wrong with the lines of a list, or with the files of a
/// folder, to be told at once: the first ones in full, the others by number.
class ProblemList {
 public:
  void add(std::string_view place, std::string_view what) {
    if (++count_ <= kShown) text_ += fmt::format("\n  {}: {}", place, what);
  }
  bool empty() const { return count_ == 0; }

  /// Throws DataError "<file>: <count> <summary>; correct:" and the problems,
  /// each in a line of its own, where there are any.
  void throw_if_any(const std::string& file, std::string_view summary) const {
    if (empty()) return;
    const std::string more =
        count_ > kShown ? fmt::format("\n  and {} more", count_ - kShown) : "";
    throw DataError(
        file, fmt::format("{} {}; correct:{}{}", count_, summary, text_, more));
  }

 private:
  static constexpr size_t kShown = 20;
  size_t count_ = 0;
  std::string text_;
};

}  // namespace unimiss::data
