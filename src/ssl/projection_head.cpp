#include "unimiss/ssl/projection_head.h"

#include <ATen/Functions.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/nn/init.h>

#include <cmath>

#include "unimiss/model/init.h"

namespace unimiss::ssl {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// With n = |v| per row and s = g / n: y = (x vᵀ) s. For the gradient G of y,
///   dx = (G s) v,   dv = (G s)ᵀ x − (Σ_rows G y / n²) v.
struct WeightNormLinear : public torch::autograd::Function<WeightNormLinear> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& v, const torch::Tensor& g) {
    const torch::Tensor norm = v.norm(2, /*dim=*/1);
    const torch::Tensor scale = g.squeeze(1) / norm;
    torch::Tensor y = at::linear(x, v) * scale;
    context->save_for_backward({x, v, norm, scale, y});
    return y;
  }

  static variable_list backward(AutogradContext* context,
                                const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const torch::Tensor &x = saved[0], &v = saved[1], &norm = saved[2],
                        &scale = saved[3], &y = saved[4];
    const torch::Tensor scaled = gradients[0] * scale;
    torch::Tensor dx, dv;
    if (context->needs_input_grad(0)) dx = at::mm(scaled, v);
    if (context->needs_input_grad(1)) {
      const torch::Tensor along = at::sum(gradients[0] * y, 0) / norm.square();
      dv = (v * along.unsqueeze(1)).addmm_(scaled.t(), x, -1, 1);
    }
    return {dx, dv, torch::Tensor()};
  }
};

}  // namespace

torch::Tensor weight_norm_linear(const torch::Tensor& x, const torch::Tensor& v,
                                 const torch::Tensor& g) {
  return WeightNormLinear::apply(x, v, g);
}

void ProjectionHeadOptions::check(Problems& problems) const {
  problems.in_range(hidden, at_least(1), "head.hidden");
  problems.in_range(bottleneck, at_least(1), "head.bottleneck");
  problems.in_range(prototypes, at_least(2), "head.prototypes");
}

ProjectionHeadImpl::ProjectionHeadImpl(int64_t in_features,
                                       const ProjectionHeadOptions& options) {
  auto mlp = register_module("mlp", std::make_shared<torch::nn::Module>());
  auto linear = [&](const char* name, int64_t in, int64_t out) {
    return mlp->register_module(name, torch::nn::Linear(in, out));
  };
  // Numbered as in the released weights, where 1 and 3 are the activations.
  fc1_ = linear("0", in_features, options.hidden);
  fc2_ = linear("2", options.hidden, options.hidden);
  fc3_ = linear("4", options.hidden, options.bottleneck);
  model::init_linears(*this);
  auto last =
      register_module("last_layer", std::make_shared<torch::nn::Module>());
  last_layer_g =
      last->register_parameter("weight_g", torch::ones({options.prototypes, 1}),
                               /*requires_grad=*/false);
  last_layer_v = last->register_parameter(
      "weight_v", torch::empty({options.prototypes, options.bottleneck}));
  torch::nn::init::kaiming_uniform_(last_layer_v, std::sqrt(5.0));
}

torch::Tensor ProjectionHeadImpl::embed(const torch::Tensor& features) {
  const torch::Tensor hidden = at::gelu(fc2_(at::gelu(fc1_(features))));
  // Lengths are taken in full precision under autocast too.
  torch::Tensor out = fc3_(hidden);
  if (out.scalar_type() != torch::kDouble) out = out.to(torch::kFloat);
  const torch::Tensor norm = out.norm(2, /*dim=*/1, /*keepdim=*/true);
  return out / norm.clamp_min(1e-12);
}

torch::Tensor ProjectionHeadImpl::logits(const torch::Tensor& embeddings) {
  return weight_norm_linear(embeddings, last_layer_v, last_layer_g);
}

}  // namespace unimiss::ssl
