#include "unimiss/model/init.h"

#include <ATen/Functions.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <functional>

#include "unimiss/model/attention.h"
#include "unimiss/model/mit.h"
#include "unimiss/model/patch_embedding.h"

namespace unimiss::model {

void truncated_normal(const torch::Tensor& tensor, double std) {
  torch::NoGradGuard no_grad;
  // At std = 0.02 the cut lies 100 deviations out: redrawing would never run.
  tensor.normal_(0.0, std).clamp_(-2.0, 2.0);
}

void init_linears(torch::nn::Module& module) {
  torch::NoGradGuard no_grad;
  for (const auto& child : module.modules(/*include_self=*/false)) {
    if (auto* linear = child->as<torch::nn::LinearImpl>()) {
      truncated_normal(linear->weight, 0.02);
      if (linear->bias.defined()) linear->bias.zero_();
    }
  }
}

void init_backbone(torch::nn::Module& backbone) {
  init_linears(backbone);
  for (const auto& child : backbone.modules(/*include_self=*/false)) {
    if (auto* position = child->as<PositionEmbeddingImpl>()) {
      for (torch::Tensor& table :
           {std::ref(position->table_2d), std::ref(position->table_3d)}) {
        if (table.defined()) truncated_normal(table, 0.02);
      }
    } else if (auto* conv = child->as<SwitchableConvImpl>()) {
      conv->init_kaiming();
    } else if (auto* encoder = child->as<MitEncoderImpl>()) {
      if (encoder->class_token.defined()) {
        truncated_normal(encoder->class_token, 0.02);
      }
    }
  }
}

}  // namespace unimiss::model
