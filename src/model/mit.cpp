#include "unimiss/model/mit.h"

#include <ATen/Functions.h>

#include "unimiss/model/init.h"

namespace unimiss::model {

torch::Tensor pad_to_multiple(const torch::Tensor& input) {
  TORCH_CHECK(input.dim() == 4 || input.dim() == 5,
              "expected [B, C, H, W] or [B, C, D, H, W], got ", input.sizes());
  const Grid size = Grid::of_map(input.sizes());
  const Grid multiple = MitOptions::input_multiple(size.rank());
  const Grid minimum = MitOptions::input_minimum(size.rank());
  std::vector<int64_t> padding;  // last axis first, (before, after) pairs
  bool needed = false;
  for (int axis = size.rank() - 1; axis >= 0; --axis) {
    TORCH_CHECK(size[axis] >= minimum[axis], "an input of ", size,
                " is smaller than the smallest the network takes, ", minimum);
    const int64_t after =
        (multiple[axis] - size[axis] % multiple[axis]) % multiple[axis];
    needed = needed || after > 0;
    padding.insert(padding.end(), {0, after});
  }
  if (!needed) return input;
  return size.rank() == 2 ? at::replication_pad2d(input, padding)
                          : at::replication_pad3d(input, padding);
}

MitImpl::MitImpl(const MitOptions& options) : options_(options.resolved()) {
  encoder = register_module("encoder", MitEncoder(options_));
  decoder = register_module("decoder", MitDecoder(options_));
  init_backbone(*this);
}

torch::Tensor MitImpl::forward(const torch::Tensor& input) {
  return decoder->forward(encode(input), TokenScope::kClassToken)
      .class_token.squeeze(1);
}

torch::Tensor MitImpl::forward_dense(const torch::Tensor& input) {
  const EncoderOutput encoded = encode(input);
  torch::Tensor map = tokens_to_map(
      decoder->forward(encoded, TokenScope::kAll).patches, encoded.grids[0]);
  const Grid size = Grid::of_map(input.sizes());
  for (int axis = 0; axis < size.rank(); ++axis) {
    const int64_t stride = size.rank() == 3 && axis == 0 ? 2 : 4;
    map = map.slice(2 + axis, 0, (size[axis] + stride - 1) / stride);
  }
  return map;
}

EncoderOutput MitImpl::encode(const torch::Tensor& input) {
  return encoder->forward(pad_to_multiple(input));
}

}  // namespace unimiss::model
