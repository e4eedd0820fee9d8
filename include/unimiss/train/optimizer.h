#pragma once

#include <torch/ordered_dict.h>
#include <torch/types.h>

#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "unimiss/core/fields.h"

namespace unimiss::train {

/// What a gradient norm is taken over.
enum class ClipRule { kPerTensor, kGlobal };

/// What happens to a parameter that a step gave no gradient (3D-only ones in a
/// 2D phase).
enum class InactiveRule {
  kUntouched,  ///< neither optimizer nor weight decay move it
  /// Once it has had a gradient it counts as having a zero one, so that decay
  /// and Adam's momentum still move it: what the released weights saw.
  kZeroGradient,
};

/// How gradients become an update.
enum class OptimizerKind {
  kAdamW,
  kSgd,  ///< with Nesterov momentum
};

/// Of gradients, on their way between processes.
enum class Compression { kNone, kFp16 };

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::kAdamW;  ///< a pretraining's is AdamW
  double sgd_momentum = 0.99;
  double lr = 8e-4;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double clip = 0.3;
  ClipRule clip_rule = ClipRule::kPerTensor;
  InactiveRule inactive_rule = InactiveRule::kUntouched;
  int64_t accumulate = 1;
  Compression compression = Compression::kNone;
  double skip_spikes = 0;
  int64_t spike_window = 100;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("lr", self.lr,
          "peak learning rate at a batch of 192, greater than 0; scaled "
          "linearly with a phase's batch");
    visit_update_fields(self, visit);
    visit("inactive_rule", self.inactive_rule,
          "what parameters without a gradient do: stay, or count as having a "
          "zero one once they had any");
  }
  /// Those that mean the same whatever is trained.
  template <class Self, class Visitor>
  static void visit_update_fields(Self& self, Visitor&& visit) {
    visit("beta1", self.beta1, "decay of AdamW's first moment, in [0, 1)");
    visit("beta2", self.beta2, "decay of AdamW's second moment, in [0, 1)");
    visit("epsilon", self.epsilon, "AdamW's epsilon, greater than 0");
    visit("clip", self.clip,
          "largest gradient norm, at least 0; 0: no clipping");
    visit("clip_rule", self.clip_rule,
          "what that norm is taken over: each tensor, or all gradients");
    visit(
        "accumulate", self.accumulate,
        "parts that a batch is computed in, one after another, to save "
        "memory; must divide the batch (of a fine-tuning a Dice coefficient of "
        "a batch and class weights count within a part)");
    visit("compression", self.compression,
          "how gradients go from process to process: as they are, or as fp16, "
          "in half the bytes");
    visit("skip_spikes", self.skip_spikes,
          "a step whose loss or gradient norm lies more than so many standard "
          "deviations above the mean of those before it (of its kind) changes "
          "nothing; 0: all steps count",
          kMayChange);
    visit("spike_window", self.spike_window,
          "how many steps these are, in [10, 10000]; half of them come first",
          kMayChange);
  }
  /// Keys begin with their group, as in a configuration.
  void check(Problems& problems) const;
};

/// A batch of that size, a configuration's key, must come in equal parts.
void check_accumulation(const OptimizerOptions& options, int64_t batch_size,
                        const std::string& key, Problems& problems);

/// AdamW or SGD: weights with weight decay; biases and one-dimensional tensors
/// without. Parameters that need no gradient are left out. The update is ATen's
/// fused one (36 ms instead of 134 for 60 M parameters on a CPU).
///
/// A step: clip(), then step(). Gradients are freed by zero_grad(), not zeroed:
/// an absent gradient is how a parameter is known to be inactive.
class Optimizer {
 public:
  /// lr_scales: by name, what the learning rate of a parameter is multiplied
  /// by; 1 for those that are not named.
  Optimizer(const torch::OrderedDict<std::string, torch::Tensor>& parameters,
            const OptimizerOptions& options,
            const std::map<std::string, double>& lr_scales = {});

  /// Multiplies all gradients; nothing is touched for a factor of 1.
  void scale_gradients(double factor);

  /// Scales the gradients by the clip rule. Returns the global norm before it,
  /// a scalar on the parameters' device.
  torch::Tensor clip();

  /// One update. weight_decay applies to the first group. Parameters named in
  /// `held` stay as they are, as do their moments.
  void step(double lr, double weight_decay,
            const std::vector<std::string>& held = {});

  void zero_grad();

  /// "<name>.exp_avg", "<name>.exp_avg_sq" (of AdamW), "<name>.step" of every
  /// parameter that has been updated. SGD's momentum is its exp_avg.
  std::map<std::string, torch::Tensor> state() const;
  /// Takes over a state(); unknown names are an error.
  void load_state(const std::map<std::string, torch::Tensor>& state);

 private:
  struct Slot {
    std::string name;
    torch::Tensor parameter, exp_avg, exp_avg_sq, step;
    bool decayed;
    double lr_scale;
  };
  /// Parameters that one fused update treats alike.
  struct Group;

  void ensure_state(Slot& slot) const;
  void update(Group& group, double lr, double weight_decay) const;
  std::vector<torch::Tensor> gradients() const;

  OptimizerOptions options_;
  std::vector<Slot> slots_;
};

}  // namespace unimiss::train

template <>
struct unimiss::EnumNames<unimiss::train::OptimizerKind> {
  static constexpr std::array kNames{
      std::pair{unimiss::train::OptimizerKind::kAdamW, "adamw"},
      std::pair{unimiss::train::OptimizerKind::kSgd, "sgd"}};
};

template <>
struct unimiss::EnumNames<unimiss::train::Compression> {
  static constexpr std::array kNames{
      std::pair{unimiss::train::Compression::kNone, "none"},
      std::pair{unimiss::train::Compression::kFp16, "fp16"}};
};

template <>
struct unimiss::EnumNames<unimiss::train::ClipRule> {
  static constexpr std::array kNames{
      std::pair{unimiss::train::ClipRule::kPerTensor, "per_tensor"},
      std::pair{unimiss::train::ClipRule::kGlobal, "global"}};
};

template <>
struct unimiss::EnumNames<unimiss::train::InactiveRule> {
  static constexpr std::array kNames{
      std::pair{unimiss::train::InactiveRule::kUntouched, "untouched"},
      std::pair{unimiss::train::InactiveRule::kZeroGradient, "zero_gradient"}};
};
