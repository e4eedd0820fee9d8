#pragma once

#include <ATen/Functions.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>

namespace unimiss::testing {

/// The smallest network with buffers: x [B, 3] → [B, 1].
class BatchNormNetwork : public torch::nn::Module {
 public:
  torch::Tensor forward(const torch::Tensor& x) {
    return last->forward(norm->forward(first->forward(x)));
  }

  torch::nn::Linear first = register_module("first", torch::nn::Linear(3, 4));
  torch::nn::BatchNorm1d norm =
      register_module("norm", torch::nn::BatchNorm1d(4));
  torch::nn::Linear last = register_module("last", torch::nn::Linear(4, 1));
};

}  // namespace unimiss::testing
