#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <optional>

#include "unimiss/core/fields.h"
#include "unimiss/core/grid.h"

namespace unimiss::model {

/// How a position table is resampled to a grid it was not made for.
enum class PositionRule {
  /// Coordinates follow the true grids (align_corners false): bicubic in 2D,
  /// trilinear in 3D.
  kExact,
  /// The released weights' rule in 2D: coordinates follow the scale
  /// (extent + 0.1) / old extent. 3D as kExact.
  kOfficial,
};

/// Resamples the rows of a position table to another grid of the same rank.
///
/// table [1, P + N, C] with N = from.cells() and P prefix rows (the class
/// token's; 0 or 1), which are kept; result [1, P + to.cells(), C].
torch::Tensor resample_positions(const torch::Tensor& table, const Grid& from,
                                 const Grid& to, PositionRule rule);

struct PositionEmbeddingOptions {
  int64_t channels = 0;
  /// The grids the tables are made for; absent: no table of that rank.
  std::optional<Grid> grid_2d, grid_3d;
  int64_t prefix = 1;  ///< rows for class tokens, 0 or 1
  PositionRule rule = PositionRule::kExact;
};

/// Learned position tables [1, P + N, C], one per dimensionality, the first row
/// for the class token where there is one (paper Sec. 3.1).
class PositionEmbeddingImpl : public torch::nn::Module {
 public:
  explicit PositionEmbeddingImpl(const PositionEmbeddingOptions& options);

  /// The rows [1, P + N, C] for tokens of this grid, resampled where the grid
  /// is not the table's. Errors: a rank the module was not built for.
  torch::Tensor forward(const Grid& grid);

  const PositionEmbeddingOptions& options() const { return options_; }

  torch::Tensor table_2d, table_3d;

 private:
  PositionEmbeddingOptions options_;
};
TORCH_MODULE(PositionEmbedding);

}  // namespace unimiss::model

template <>
struct unimiss::EnumNames<unimiss::model::PositionRule> {
  static constexpr std::array kNames{
      std::pair{unimiss::model::PositionRule::kExact, "exact"},
      std::pair{unimiss::model::PositionRule::kOfficial, "official"}};
};
