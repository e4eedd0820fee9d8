#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace unimiss {

/// FNV-1a, 64 bits: a stable hash of text, used to derive seeds from names.
uint64_t fnv1a64(std::string_view text);

/// The output function of splitmix64: a bijection of 64-bit words that turns
/// counters into independent-looking words.
uint64_t splitmix64(uint64_t word);

/// A small random stream that is a pure function of its key.
///
/// A view of a sample draws from Random({seed, visit, index, view}) alone, so
/// it is the same whatever thread prepares it, in whatever order, on any
/// machine: no <random> distribution is used, because their results differ
/// between standard libraries.
class Random {
 public:
  explicit Random(std::initializer_list<uint64_t> key);

  /// The stream of this one's key with `part` appended, whatever has been drawn
  /// from this one: Random({a}).fork(b) is Random({a, b}).
  Random fork(uint64_t part) const;

  /// 64 uniform bits.
  uint64_t bits();
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  /// Uniform in [low, high).
  double uniform(double low, double high);
  /// Uniform in {0, ..., count - 1}; count >= 1.
  int64_t integer(int64_t count);
  /// True with the given probability.
  bool chance(double probability);
  /// Standard normal.
  double normal();

 private:
  uint64_t state_ = 0;
  uint64_t counter_ = 0;
};

}  // namespace unimiss
