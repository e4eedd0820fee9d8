#pragma once

#include <cstdint>
#include <string>

#include "unimiss/augment/sample.h"
#include "unimiss/core/random.h"

namespace unimiss::data {

/// A source of samples. sample() is called by several threads at once and
/// depends on nothing but its arguments, so a batch is reproducible.
class Dataset {
 public:
  virtual ~Dataset() = default;
  /// Samples per epoch.
  virtual int64_t size() const = 0;
  /// Sample `index` in [0, size()), all of the same roles and shapes; every
  /// draw comes from `random`. Throws DataError naming the stage (decoding or
  /// augmentation), the file that is at fault and the reason.
  virtual augment::Sample sample(int64_t index, Random& random) const = 0;
  /// The file that a sample comes from.
  virtual std::string source(int64_t index) const = 0;
};

}  // namespace unimiss::data
