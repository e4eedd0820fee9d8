#include "unimiss/train/loss_scaler.h"

namespace unimiss::train {

void LossScaler::update(bool finite) {
  constexpr int64_t kGrowthInterval = 2000;
  if (!finite) {
    scale_ *= 0.5;
    good_steps_ = 0;
  } else if (++good_steps_ == kGrowthInterval) {
    scale_ *= 2.0;
    good_steps_ = 0;
  }
}

void LossScaler::restore(double scale, int64_t good_steps) {
  scale_ = scale;
  good_steps_ = good_steps;
}

}  // namespace unimiss::train
