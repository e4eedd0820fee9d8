#pragma once

#include <torch/types.h>

#include <array>
#include <utility>

#include "unimiss/core/fields.h"

namespace unimiss::train {

/// The arithmetic of forward and backward. Weights, optimizer and losses are
/// fp32 in all of them.
enum class Precision { kFp32, kBf16, kFp16 };

/// Autocast for the lifetime of the object; nothing for kFp32.
class AutocastGuard {
 public:
  AutocastGuard(torch::DeviceType device, Precision precision);
  ~AutocastGuard();
  AutocastGuard(const AutocastGuard&) = delete;
  AutocastGuard& operator=(const AutocastGuard&) = delete;

 private:
  torch::DeviceType device_;
  bool active_;
  bool was_enabled_ = false;
  c10::ScalarType previous_type_ = torch::kFloat;
};

/// What became of a step.
enum class StepOutcome {
  kUpdated,
  kOverflow,   ///< of fp16 gradients: only the loss scale has changed
  kNonFinite,  ///< loss or gradient norm: nothing has changed
  kSpike,      ///< loss or gradient norm stand out: nothing has changed
};

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

template <>
struct unimiss::EnumNames<unimiss::train::Precision> {
  static constexpr std::array kNames{
      std::pair{unimiss::train::Precision::kFp32, "fp32"},
      std::pair{unimiss::train::Precision::kBf16, "bf16"},
      std::pair{unimiss::train::Precision::kFp16, "fp16"}};
};
