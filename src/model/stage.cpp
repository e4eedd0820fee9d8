#include "unimiss/model/stage.h"

#include <ATen/Functions.h>

namespace unimiss::model {

StageImpl::StageImpl(const StageOptions& options) {
  position = register_module("position", PositionEmbedding(options.position));
  blocks_ = register_module("blocks", torch::nn::ModuleList());
  for (int64_t i = 0; i < options.depth; ++i) {
    TransformerBlockOptions block = options.block;
    block.drop_path = options.drop_path_first +
                      static_cast<double>(i) * options.drop_path_step;
    blocks_->push_back(TransformerBlock(block));
  }
}

StageOutput StageImpl::forward(const torch::Tensor& class_token,
                               const torch::Tensor& patches, const Grid& grid,
                               TokenScope scope) {
  const bool has_class = class_token.defined();
  torch::Tensor tokens =
      (has_class ? at::cat({class_token, patches}, 1) : patches) +
      position(grid);
  for (size_t i = 0; i < blocks_->size(); ++i) {
    const bool last = i + 1 == blocks_->size();
    tokens = blocks_->at<TransformerBlockImpl>(i).forward(
        tokens, grid, last ? scope : TokenScope::kAll);
  }
  if (scope == TokenScope::kClassToken) return {tokens, {}};
  if (!has_class) return {{}, tokens};
  const auto parts = tokens.split_with_sizes({1, grid.cells()}, 1);
  return {parts[0], parts[1]};
}

}  // namespace unimiss::model
