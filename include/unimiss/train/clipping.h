#pragma once

#include <torch/types.h>

#include <array>
#include <utility>
#include <vector>

#include "unimiss/core/fields.h"

namespace unimiss::train {

/// What a gradient norm is taken over.
enum class ClipRule { kPerTensor, kGlobal };

struct ClipOptions {
  double clip = 0.3;
  ClipRule clip_rule = ClipRule::kPerTensor;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("clip", self.clip,
          "largest gradient norm, at least 0; 0: no clipping");
    visit("clip_rule", self.clip_rule,
          "what that norm is taken over: each tensor, or all gradients");
  }
  /// Keys begin with their group, "optimizer", as in a configuration.
  void check(Problems& problems) const;
};

/// Scales gradients, in place, such that no norm is larger. Returns the norm of
/// all of them before it, a scalar on their device.
torch::Tensor clip_gradients(const std::vector<torch::Tensor>& gradients,
                             const ClipOptions& options);

}  // namespace unimiss::train

template <>
struct unimiss::EnumNames<unimiss::train::ClipRule> {
  static constexpr std::array kNames{
      std::pair{unimiss::train::ClipRule::kPerTensor, "per_tensor"},
      std::pair{unimiss::train::ClipRule::kGlobal, "global"}};
};
