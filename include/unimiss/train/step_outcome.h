#pragma once

namespace unimiss::train {

/// What became of a step.
enum class StepOutcome {
  kUpdated,
  kOverflow,   ///< of fp16 gradients: only the loss scale has changed
  kNonFinite,  ///< loss or gradient norm: nothing has changed
  kSpike,      ///< loss or gradient norm stand out: nothing has changed
};

}  // namespace unimiss::train
