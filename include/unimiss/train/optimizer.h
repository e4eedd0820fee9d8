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

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::kAdamW;
  double sgd_momentum = 0.99;
  double lr = 8e-4;  ///< at its peak; each step is given its own
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  InactiveRule inactive_rule = InactiveRule::kUntouched;

  /// AdamW's. Which of the others there are, and of what the learning rate is
  /// the peak, each kind of training tells.
  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("beta1", self.beta1, "decay of AdamW's first moment, in [0, 1)");
    visit("beta2", self.beta2, "decay of AdamW's second moment, in [0, 1)");
    visit("epsilon", self.epsilon, "AdamW's epsilon, greater than 0");
  }
  /// Keys begin with their group, "optimizer", as in a configuration.
  void check(Problems& problems) const;
};

/// AdamW or SGD: weights with weight decay; biases and one-dimensional tensors
/// without. Parameters that need no gradient are left out. The update is ATen's
/// fused one (36 ms instead of 134 for 60 M parameters on a CPU).
///
/// Gradients are freed by zero_grad(), not zeroed: an absent gradient is how a
/// parameter is known to be inactive.
class Optimizer {
 public:
  /// lr_scales: by name, what the learning rate of a parameter is multiplied
  /// by; 1 for those that are not named.
  Optimizer(const torch::OrderedDict<std::string, torch::Tensor>& parameters,
            const OptimizerOptions& options,
            const std::map<std::string, double>& lr_scales = {});

  /// Those that there are, the tensors themselves.
  std::vector<torch::Tensor> gradients() const;

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
  /// Bytes of state() once every parameter has had an update.
  int64_t state_bytes() const;

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
struct unimiss::EnumNames<unimiss::train::InactiveRule> {
  static constexpr std::array kNames{
      std::pair{unimiss::train::InactiveRule::kUntouched, "untouched"},
      std::pair{unimiss::train::InactiveRule::kZeroGradient, "zero_gradient"}};
};
