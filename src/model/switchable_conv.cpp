#include "unimiss/model/switchable_conv.h"

#include <torch/nn/init.h>

#include <cmath>
#include <string>

namespace unimiss::model {

SwitchableConvImpl::SwitchableConvImpl(const SwitchableConvOptions& options)
    : options_(options) {
  auto build = [&](int64_t rank, int64_t in_channels, const std::string& name) {
    const bool transposed = options_.kind == ConvKind::kTransposed;
    std::vector<int64_t> shape{
        transposed ? in_channels : options_.out_channels,
        transposed ? options_.out_channels : in_channels};
    for (int64_t i = 3 - rank; i < 3; ++i) shape.push_back(options_.kernel[i]);

    Parameters p;
    p.weight = register_parameter("weight_" + name, torch::empty(shape));
    torch::nn::init::kaiming_uniform_(p.weight, std::sqrt(5.0));
    if (options_.bias == ConvBias::kLearned) {
      const double bound = 1.0 / std::sqrt(p.weight[0].numel());
      p.bias = register_parameter(
          "bias_" + name,
          torch::empty({options_.out_channels}).uniform_(-bound, bound));
    }
    if (options_.norm == ConvNorm::kInstance) {
      p.norm_weight = register_parameter("norm_weight_" + name,
                                         torch::ones({options_.out_channels}));
      p.norm_bias = register_parameter("norm_bias_" + name,
                                       torch::zeros({options_.out_channels}));
    }
    return p;
  };
  if (includes(options_.dimensions, 2)) {
    two_ = build(2, options_.in_channels_2d, "2d");
  }
  if (includes(options_.dimensions, 3)) {
    three_ = build(3, options_.in_channels_3d, "3d");
  }
}

const SwitchableConvImpl::Parameters& SwitchableConvImpl::parameters_for(
    int64_t rank) const {
  TORCH_CHECK(rank == 2 || rank == 3, "expected a map [B, C, (D,) H, W]");
  // Reading through named_parameters() would be slow: Module::to() and clone()
  // replace the data inside these very tensors, so the members stay valid.
  const Parameters& chosen = rank == 2 ? two_ : three_;
  TORCH_CHECK(chosen.weight.defined(), "the network was built without ", rank,
              "D parameters");
  return chosen;
}

torch::Tensor SwitchableConvImpl::forward(const torch::Tensor& map) {
  const int64_t rank = map.dim() - 2;
  const Parameters& p = parameters_for(rank);
  torch::Tensor weight = p.weight;
  if (rank == 2 && map.size(1) == 1 && options_.kind == ConvKind::kForward &&
      weight.size(1) != 1) {
    weight = weight.sum(1, /*keepdim=*/true);
  }
  const auto tail = [&](const std::array<int64_t, 3>& extents) {
    return at::IntArrayRef(extents.data() + (3 - rank), rank);
  };
  const std::array<int64_t, 3> ones{1, 1, 1}, zeros{0, 0, 0};
  // CPU autocast leaves at::convolution in fp32, which is meant: without
  // bf16 instructions a step with bf16 convolutions takes 62 s instead of 5.
  torch::Tensor out = at::convolution(
      map, weight, p.bias.defined() ? std::optional(p.bias) : std::nullopt,
      tail(options_.stride), tail(options_.padding), tail(ones),
      options_.kind == ConvKind::kTransposed, tail(zeros), /*groups=*/1);
  if (options_.norm == ConvNorm::kInstance) {
    out = at::instance_norm(out, p.norm_weight, p.norm_bias, {}, {},
                            /*use_input_stats=*/true, /*momentum=*/0.1,
                            /*eps=*/1e-5, /*cudnn_enabled=*/true);
  }
  return out;
}

void SwitchableConvImpl::init_kaiming() {
  if (options_.kind == ConvKind::kTransposed) return;
  for (Parameters* p : {&two_, &three_}) {
    if (!p->weight.defined()) continue;
    torch::nn::init::kaiming_normal_(p->weight, 0.0, torch::kFanOut,
                                     torch::kReLU);
    if (p->norm_weight.defined()) {
      torch::NoGradGuard no_grad;
      p->norm_weight.fill_(1);
      p->norm_bias.zero_();
    }
  }
}

}  // namespace unimiss::model
