#pragma once

#include <ATen/Functions.h>

#include "testing/toy_network.h"
#include "unimiss/augment/sample.h"
#include "unimiss/finetune/config.h"

namespace unimiss::testing {

/// A task on images of 64 x 64 pixels with a network of a few thousand weights.
inline finetune::FinetuneConfig toy_finetune(augment::TargetKind target) {
  finetune::FinetuneConfig config;
  config.task.target = target;
  config.task.classes = {"background", "left", "right"};
  config.init.from_scratch = true;
  config.model = toy_mit();
  config.model.dimensions = model::Dimensions::k2d;
  config.model.image_channels = 1;
  config.optimizer.lr = 1e-3;
  config.data.train = {"list.txt"};
  return config;
}

/// A batch of random images and targets of that task.
inline augment::Sample toy_batch(augment::TargetKind target, int64_t rows) {
  const torch::Tensor image = at::randn({rows, 1, 64, 64});
  switch (target) {
    case augment::TargetKind::kLabelMap:
      return {{image}, at::randint(3, {rows, 64, 64}, torch::kInt16)};
    case augment::TargetKind::kStructures:
      return {{image}, at::randint(8, {rows, 64, 64}, torch::kInt16)};
    case augment::TargetKind::kClass:
      return {{image}, at::randint(3, {rows}, torch::kLong)};
    case augment::TargetKind::kClasses:
      return {{image}, at::randint(2, {rows, 3}).to(torch::kFloat)};
  }
  return {};
}

}  // namespace unimiss::testing
