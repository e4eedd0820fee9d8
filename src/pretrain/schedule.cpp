#include "unimiss/pretrain/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

namespace unimiss::pretrain {

namespace {

/// Appended to, not added: g++ 12 takes the sum for an overflow.
std::string key_of(const char* name) {
  std::string key = "schedule.";
  key += name;
  return key;
}

}  // namespace

void ScheduleOptions::check(Problems& problems) const {
  const auto in_range = [&](auto value, const Range& range, const char* key) {
    problems.in_range(value, range, key_of(key));
  };
  in_range(interval, at_least(1), "interval");
  in_range(warmup_epochs, at_least(0), "warmup_epochs");
  in_range(final_lr, at_least(0), "final_lr");
  in_range(weight_decay, at_least(0), "weight_decay");
  in_range(final_weight_decay, at_least(0), "final_weight_decay");
  in_range(teacher_momentum, between(0, 1), "teacher_momentum");
  in_range(final_momentum, between(0, 1), "final_momentum");
  in_range(teacher_warmup_temperature, greater_than(0),
           "teacher_warmup_temperature");
  in_range(teacher_warmup_epochs, at_least(0), "teacher_warmup_epochs");
  in_range(freeze_last_layer_epochs, at_least(0), "freeze_last_layer_epochs");
}

double cosine(double start, double end, double position, double length) {
  if (position >= length) return end;
  return end + 0.5 * (start - end) *
                   (1.0 + std::cos(std::numbers::pi * position / length));
}

Schedule::Schedule(const ScheduleOptions& options, const RunSize& size,
                   double peak_lr, double teacher_temperature)
    : options_(options),
      size_(size),
      peak_lr_(peak_lr),
      teacher_temperature_(teacher_temperature) {
  const double batches_2d = static_cast<double>(size_.samples_2d) /
                            static_cast<double>(size_.batch_2d);
  const double batches_3d = static_cast<double>(size_.samples_3d) /
                            static_cast<double>(size_.batch_3d);
  const bool both = size_.samples_2d > 0 && size_.samples_3d > 0;
  steps_per_epoch_ = static_cast<int64_t>(
      std::ceil((batches_2d + batches_3d) / (both ? 2.0 : 1.0)));
  total_steps_ =
      size_.max_steps > 0 ? size_.max_steps : size_.epochs * steps_per_epoch_;
}

int Schedule::rank_at(int64_t step, int64_t epoch) const {
  if (size_.samples_2d == 0) return 3;
  if (size_.samples_3d == 0) return 2;
  const int64_t count = options_.unit == AlternationUnit::kStep ? step : epoch;
  return count / options_.interval % 2 == 0 ? 2 : 3;
}

double Schedule::peak_lr(int rank) const {
  const int64_t batch = rank == 2 ? size_.batch_2d : size_.batch_3d;
  return peak_lr_ * static_cast<double>(batch) / 192.0;
}

StepPlan Schedule::at(int64_t step) const {
  StepPlan plan;
  plan.step = step;
  plan.epoch = step / steps_per_epoch_;
  plan.rank = rank_at(step, plan.epoch);

  double position = static_cast<double>(step);
  double length = static_cast<double>(total_steps_);
  if (options_.clock == ScheduleClock::kOfficial) {
    // Samples, not batches, per epoch: within an epoch the index hardly moves.
    const double table = static_cast<double>(
        size_.samples_3d > 0 ? size_.samples_3d : size_.samples_2d);
    const double samples = static_cast<double>(
        plan.rank == 2 ? size_.samples_2d : size_.samples_3d);
    position = samples * static_cast<double>(plan.epoch) +
               static_cast<double>(step % steps_per_epoch_);
    length *= table / static_cast<double>(steps_per_epoch_);
    position = std::min(position, length - 1);
  }
  // Durations given in epochs, as a share of the run.
  const double per_epoch = length / static_cast<double>(size_.epochs);
  const double warmup = options_.warmup_epochs * per_epoch;
  const double peak = peak_lr(plan.rank);
  plan.lr = position < warmup ? peak * position / std::max(warmup - 1, 1.0)
                              : cosine(peak, options_.final_lr,
                                       position - warmup, length - warmup);
  plan.lr = std::min(plan.lr, peak);
  plan.weight_decay = cosine(options_.weight_decay, options_.final_weight_decay,
                             position, length);
  plan.momentum = cosine(options_.teacher_momentum, options_.final_momentum,
                         position, length);

  // These two follow the run itself: a clock that jumps back at a change of
  // phase would undo them.
  const double epochs_done = static_cast<double>(step) *
                             static_cast<double>(size_.epochs) /
                             static_cast<double>(total_steps_);
  const double share =
      options_.teacher_warmup_epochs > 0
          ? std::min(1.0, epochs_done / options_.teacher_warmup_epochs)
          : 1.0;
  plan.teacher_temperature =
      options_.teacher_warmup_temperature +
      share * (teacher_temperature_ - options_.teacher_warmup_temperature);
  plan.last_layer_frozen = epochs_done < options_.freeze_last_layer_epochs;
  return plan;
}

}  // namespace unimiss::pretrain
