#pragma once

#include <ATen/Context.h>
#include <ATen/Functions.h>

#include <memory>

#include "testing/toy_network.h"
#include "unimiss/task/task.h"

namespace unimiss::testing {

/// Three classes of grey images of 64 x 64 pixels, by the smallest network.
inline task::TaskSpec toy_spec(augment::Target target) {
  task::TaskSpec spec;
  spec.target = target;
  spec.classes = {"background", "left", "right"};
  spec.model = toy_mit();
  spec.model.dimensions = model::Dimensions::k2d;
  spec.model.image_channels = 1;
  return spec;
}

/// With the weights of a seed.
inline std::unique_ptr<task::Task> toy_task(const task::TaskSpec& spec,
                                            const task::LossOptions& loss = {},
                                            uint64_t seed = 3) {
  at::manual_seed(seed);
  return task::make_task(spec, loss);
}

/// A random image of one slice, and where it lies: its own grid is the
/// network's.
struct ToyCase {
  explicit ToyCase(int64_t height = 64, int64_t width = 64) {
    voxels.image = at::randint(-4096, 4096, {1, 1, height, width}, at::kShort);
    own.grid.voxels = at::zeros({1, height, width});
  }
  augment::CaseVoxels voxels;
  data::CaseReference own;
};

}  // namespace unimiss::testing
