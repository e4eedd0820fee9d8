#include "unimiss/model/position_embedding.h"

#include <ATen/Functions.h>

namespace unimiss::model {

torch::Tensor resample_positions(const torch::Tensor& table, const Grid& from,
                                 const Grid& to, PositionRule rule) {
  TORCH_CHECK(from.rank() == to.rank(), "cannot resample positions of a ", from,
              " grid to ", to);
  const int64_t prefix = table.size(1) - from.cells();
  TORCH_CHECK(prefix == 0 || prefix == 1, "a position table of ", table.size(1),
              " rows does not belong to a grid of ", from);
  if (from == to) return table;

  std::vector<int64_t> map_shape{1};
  for (int64_t extent : from.sizes()) map_shape.push_back(extent);
  map_shape.push_back(table.size(2));
  torch::Tensor map = table.slice(1, prefix).reshape(map_shape).movedim(-1, 1);
  if (from.rank() == 2) {
    std::optional<double> scale[2];
    if (rule == PositionRule::kOfficial) {
      for (int i = 0; i < 2; ++i) {
        scale[i] =
            (static_cast<double>(to[i]) + 0.1) / static_cast<double>(from[i]);
      }
    }
    map = at::upsample_bicubic2d(map, to.sizes(), /*align_corners=*/false,
                                 scale[0], scale[1]);
  } else {
    map = at::upsample_trilinear3d(map, to.sizes(), /*align_corners=*/false);
  }
  torch::Tensor rows = map.flatten(2).transpose(1, 2);
  return prefix == 0 ? rows : at::cat({table.slice(1, 0, prefix), rows}, 1);
}

PositionEmbeddingImpl::PositionEmbeddingImpl(
    const PositionEmbeddingOptions& options)
    : options_(options) {
  auto make = [&](const Grid& grid) {
    return torch::zeros({1, options_.prefix + grid.cells(), options_.channels});
  };
  if (options_.grid_2d) {
    table_2d = register_parameter("table_2d", make(*options_.grid_2d));
  }
  if (options_.grid_3d) {
    table_3d = register_parameter("table_3d", make(*options_.grid_3d));
  }
}

torch::Tensor PositionEmbeddingImpl::forward(const Grid& grid) {
  const torch::Tensor& table = grid.rank() == 2 ? table_2d : table_3d;
  TORCH_CHECK(table.defined(), "the network was built without ", grid.rank(),
              "D positions");
  return resample_positions(
      table, grid.rank() == 2 ? *options_.grid_2d : *options_.grid_3d, grid,
      options_.rule);
}

}  // namespace unimiss::model
