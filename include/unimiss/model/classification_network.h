#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/types.h>

#include <array>
#include <utility>

#include "unimiss/core/fields.h"
#include "unimiss/model/mit_encoder.h"

namespace unimiss::model {

/// What the class scores are read from.
enum class ClassificationRule {
  kClassToken,  ///< FC(LN(class token)): the paper's encoder and FC layer
  /// (FC(LN(class token)) + FC(mean of LN(patch tokens))) / 2: the official
  /// code's.
  kTwoBranch,
};

struct ClassificationNetworkOptions {
  MitOptions backbone;
  int64_t outputs = 2;  ///< classes
  ClassificationRule rule = ClassificationRule::kTwoBranch;
};

/// MiT's encoder alone and a linear classifier (paper Sec. 4.3).
///
/// Input as for Mit → logits [B, outputs].
class ClassificationNetworkImpl : public torch::nn::Module {
 public:
  explicit ClassificationNetworkImpl(
      const ClassificationNetworkOptions& options);

  torch::Tensor forward(const torch::Tensor& input);

  MitEncoder encoder{nullptr};

 private:
  ClassificationRule rule_;
  torch::nn::LayerNorm norm_{nullptr};
  torch::nn::Linear classifier_{nullptr};
};
TORCH_MODULE(ClassificationNetwork);

}  // namespace unimiss::model

template <>
struct unimiss::EnumNames<unimiss::model::ClassificationRule> {
  static constexpr std::array kNames{
      std::pair{unimiss::model::ClassificationRule::kClassToken, "class_token"},
      std::pair{unimiss::model::ClassificationRule::kTwoBranch, "two_branch"}};
};
