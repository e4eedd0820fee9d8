#include "unimiss/model/classification_network.h"

#include "unimiss/model/init.h"
#include "unimiss/model/linear.h"
#include "unimiss/model/mit.h"

namespace unimiss::model {

ClassificationNetworkImpl::ClassificationNetworkImpl(
    const ClassificationNetworkOptions& options)
    : rule_(options.rule) {
  const int64_t width = options.backbone.widths[3];
  encoder = register_module("encoder", MitEncoder(options.backbone));
  norm_ = register_module(
      "norm",
      torch::nn::LayerNorm(torch::nn::LayerNormOptions({width}).eps(1e-6)));
  classifier_ =
      register_module("classifier", torch::nn::Linear(width, options.outputs));
  init_backbone(*this);
}

torch::Tensor ClassificationNetworkImpl::forward(const torch::Tensor& input) {
  const EncoderOutput encoded = encoder->forward(pad_to_multiple(input));
  const torch::Tensor by_token =
      linear(*classifier_, norm_(encoded.class_token.squeeze(1)));
  if (rule_ == ClassificationRule::kClassToken) return by_token;
  const torch::Tensor by_patches =
      linear(*classifier_, norm_(encoded.patches[3]).mean(1));
  return (by_token + by_patches) / 2;
}

}  // namespace unimiss::model
