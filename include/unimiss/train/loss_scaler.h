#pragma once

#include <cstdint>

#include "unimiss/core/precision.h"

namespace unimiss::train {

/// Keeps fp16 gradients out of underflow: the loss is multiplied by a scale
/// that halves when a gradient overflows and doubles after 2000 good steps.
class LossScaler {
 public:
  explicit LossScaler(Precision precision)
      : scale_(precision == Precision::kFp16 ? 65536.0 : 1.0),
        active_(precision == Precision::kFp16) {}

  bool active() const { return active_; }
  double scale() const { return scale_; }
  /// Adapts the scale to whether the step's gradients were finite.
  void update(bool finite);
  void restore(double scale, int64_t good_steps);
  int64_t good_steps() const { return good_steps_; }

 private:
  double scale_;
  bool active_;
  int64_t good_steps_ = 0;
};

}  // namespace unimiss::train
