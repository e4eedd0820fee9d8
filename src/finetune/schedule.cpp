#include "unimiss/finetune/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace unimiss::finetune {

void ScheduleOptions::check(Problems& problems) const {
  problems.in_range(power, greater_than(0), "schedule.power");
  problems.in_range(warmup_epochs, at_least(0), "schedule.warmup_epochs");
  problems.in_range(final_lr, at_least(0), "schedule.final_lr");
}

Schedule::Schedule(const ScheduleOptions& options, double lr,
                   int64_t steps_per_epoch, int64_t epochs, int64_t max_steps)
    : options_(options),
      lr_(lr),
      steps_per_epoch_(steps_per_epoch),
      total_steps_(max_steps > 0 ? max_steps : epochs * steps_per_epoch),
      warmup_steps_(options.warmup_epochs / static_cast<double>(epochs) *
                    static_cast<double>(total_steps_)) {}

double Schedule::lr(int64_t step) const {
  const int64_t unit =
      options_.decay_by == DecayClock::kEpoch ? steps_per_epoch_ : 1;
  const auto at = static_cast<double>(step / unit * unit);
  // The first step or epoch of all learns already.
  if (at < warmup_steps_) {
    const double reached = at + static_cast<double>(unit);
    return lr_ * std::min(1.0, reached / warmup_steps_);
  }
  const double length = static_cast<double>(total_steps_) - warmup_steps_;
  const double left =
      std::clamp(1 - (at - warmup_steps_) / std::max(length, 1.0), 0.0, 1.0);
  double factor = 1;
  if (options_.shape == DecayShape::kPoly) {
    factor = std::pow(left, options_.power);
  } else if (options_.shape == DecayShape::kCosine) {
    factor = 0.5 * (1 - std::cos(std::numbers::pi * left));
  }
  return options_.final_lr + (lr_ - options_.final_lr) * factor;
}

}  // namespace unimiss::finetune
