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
/// A sample's augmentation draws from Random({seed, epoch, index}) alone, so it
/// is the same whatever thread prepares it, in whatever order, on any machine:
/// no <random> distribution is used, because their results differ between
/// standard libraries.
class Random {
 public:
  explicit Random(std::initializer_list<uint64_t> key);

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
