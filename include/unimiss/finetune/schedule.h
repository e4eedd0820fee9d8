#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "unimiss/core/fields.h"

namespace unimiss::finetune {

/// How the learning rate falls after the warm-up, over the share x of it that
/// is done.
enum class DecayShape {
  kPoly,      ///< (1 - x)^power
  kCosine,    ///< (1 + cos πx) / 2
  kConstant,  ///< 1
};
/// When the learning rate changes.
enum class DecayClock { kStep, kEpoch };

struct ScheduleOptions {
  DecayShape shape = DecayShape::kPoly;
  double power = 0.9;
  DecayClock decay_by = DecayClock::kStep;
  double warmup_epochs = 0;
  double final_lr = 0;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("shape", self.shape, "how the learning rate falls after the warm-up");
    visit("power", self.power, "exponent of poly, greater than 0");
    visit("decay_by", self.decay_by,
          "the learning rate changes with every step, or with every epoch",
          was("clock"));
    visit("warmup_epochs", self.warmup_epochs,
          "epochs of linear warm-up, in [0, run.epochs)");
    visit("final_lr", self.final_lr,
          "learning rate at the end of poly and cosine, at least 0");
  }
  /// Keys begin with their group, as in a configuration.
  void check(Problems& problems) const;
};

/// The learning rate of each step of a fine-tuning: a pure function of the
/// step.
class Schedule {
 public:
  /// max_steps replaces epochs as the length where it is greater than 0; the
  /// warm-up is then the same share of the run.
  Schedule(const ScheduleOptions& options, double lr, int64_t steps_per_epoch,
           int64_t epochs, int64_t max_steps);

  int64_t steps_per_epoch() const { return steps_per_epoch_; }
  int64_t total_steps() const { return total_steps_; }
  double lr(int64_t step) const;

 private:
  ScheduleOptions options_;
  double lr_;
  int64_t steps_per_epoch_, total_steps_;
  double warmup_steps_;
};

}  // namespace unimiss::finetune

template <>
struct unimiss::EnumNames<unimiss::finetune::DecayShape> {
  static constexpr std::array kNames{
      std::pair{unimiss::finetune::DecayShape::kPoly, "poly"},
      std::pair{unimiss::finetune::DecayShape::kCosine, "cosine"},
      std::pair{unimiss::finetune::DecayShape::kConstant, "constant"}};
};
template <>
struct unimiss::EnumNames<unimiss::finetune::DecayClock> {
  static constexpr std::array kNames{
      std::pair{unimiss::finetune::DecayClock::kStep, "step"},
      std::pair{unimiss::finetune::DecayClock::kEpoch, "epoch"}};
};
