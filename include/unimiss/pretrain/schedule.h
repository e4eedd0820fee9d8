#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "unimiss/core/fields.h"

namespace unimiss::pretrain {

/// What "every v" counts when 2D and 3D alternate (paper Fig. 3).
enum class AlternationUnit { kStep, kEpoch };

/// What the schedules of learning rate, weight decay and momentum follow.
enum class ScheduleClock {
  kStep,  ///< the optimizer step (paper)
  /// The released weights' clock: (samples of the phase's kind · epoch + batch)
  /// in a table of (3D samples · epochs) entries, in effect one value an epoch.
  kOfficial,
};

struct ScheduleOptions {
  int64_t interval = 2;
  AlternationUnit unit = AlternationUnit::kStep;
  ScheduleClock clock = ScheduleClock::kStep;
  double warmup_epochs = 10;
  double final_lr = 1e-6;
  double weight_decay = 0.04, final_weight_decay = 0.4;
  double teacher_momentum = 0.996, final_momentum = 1.0;
  double teacher_warmup_temperature = 0.04;
  double teacher_warmup_epochs = 0;
  double freeze_last_layer_epochs = 1;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("interval", self.interval,
          "v: so many steps or epochs of 2D, then as many of 3D; at least 1");
    visit("unit", self.unit, "what interval counts");
    visit("clock", self.clock,
          "what schedules follow: the step, or the official per-epoch "
          "staircase");
    visit("warmup_epochs", self.warmup_epochs,
          "epochs of linear learning rate warm-up, in [0, run.epochs)");
    visit("final_lr", self.final_lr,
          "learning rate at the end, not scaled with the batch, at least 0");
    visit("weight_decay", self.weight_decay,
          "weight decay at the start, at least 0");
    visit("final_weight_decay", self.final_weight_decay,
          "weight decay at the end, reached along a cosine, at least 0");
    visit("teacher_momentum", self.teacher_momentum,
          "momentum of the teacher at the start, in [0, 1]", was("momentum"));
    visit("final_momentum", self.final_momentum,
          "momentum of the teacher at the end, reached along a cosine, in "
          "[0, 1]");
    visit("teacher_warmup_temperature", self.teacher_warmup_temperature,
          "temperature of the teacher's softmax at the start of its warm-up, "
          "greater than 0");
    visit("teacher_warmup_epochs", self.teacher_warmup_epochs,
          "epochs until loss.teacher_temperature is reached, linearly, at "
          "least 0");
    visit("freeze_last_layer_epochs", self.freeze_last_layer_epochs,
          "epochs during which the head's last layer is held still, at least "
          "0");
  }
  /// Keys begin with their group, as in a configuration.
  void check(Problems& problems) const;
};

/// The sizes a schedule follows from. A kind that is not trained on has 0
/// samples.
struct RunSize {
  int64_t samples_2d = 0, samples_3d = 0;  ///< per epoch
  int64_t batch_2d = 1, batch_3d = 1;      ///< global
  int64_t epochs = 200;
  int64_t max_steps = 0;  ///< replaces epochs as the length where > 0
};

/// The values of one optimizer step.
struct StepPlan {
  int64_t step = 0;
  int64_t epoch = 0;
  int rank = 2;  ///< 2: images, 3: volumes
  double lr = 0, weight_decay = 0, momentum = 0, teacher_temperature = 0;
  bool last_layer_frozen = false;
  bool operator==(const StepPlan&) const = default;
};

/// What every optimizer step does and with which values: a pure function of the
/// step, so that a resumed run continues as if never stopped.
///
/// One epoch is ⌈(n2D / B2D + n3D / B3D) / 2⌉ steps, or one pass over the only
/// kind there is. The peak learning rate is lr · B / 192 with the batch B of
/// the step's phase. Cosines run from the first to the last step; durations in
/// epochs are shares of run.epochs and shrink with max_steps.
class Schedule {
 public:
  Schedule(const ScheduleOptions& options, const RunSize& size, double peak_lr,
           double teacher_temperature);

  int64_t steps_per_epoch() const { return steps_per_epoch_; }
  int64_t total_steps() const { return total_steps_; }
  StepPlan at(int64_t step) const;
  /// The largest learning rate of images (2) or volumes (3).
  double peak_lr(int rank) const;

 private:
  int rank_at(int64_t step, int64_t epoch) const;

  ScheduleOptions options_;
  RunSize size_;
  double peak_lr_, teacher_temperature_;
  int64_t steps_per_epoch_ = 0, total_steps_ = 0;
};

/// From `start` at 0 to `end` at `length` along half a cosine; clamped beyond.
double cosine(double start, double end, double position, double length);

}  // namespace unimiss::pretrain

template <>
struct unimiss::EnumNames<unimiss::pretrain::AlternationUnit> {
  static constexpr std::array kNames{
      std::pair{unimiss::pretrain::AlternationUnit::kStep, "step"},
      std::pair{unimiss::pretrain::AlternationUnit::kEpoch, "epoch"}};
};

template <>
struct unimiss::EnumNames<unimiss::pretrain::ScheduleClock> {
  static constexpr std::array kNames{
      std::pair{unimiss::pretrain::ScheduleClock::kStep, "step"},
      std::pair{unimiss::pretrain::ScheduleClock::kOfficial, "official"}};
};
