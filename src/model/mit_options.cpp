#include "unimiss/model/mit_options.h"

#include <string>

namespace unimiss::model {

Grid MitOptions::level_grid(const Grid& input, int level) {
  Grid grid = input;
  for (int axis = 0; axis < input.rank(); ++axis) {
    const bool depth = input.rank() == 3 && axis == 0;
    grid[axis] = input[axis] >> (level + (depth ? 1 : 2));
  }
  return grid;
}

Grid MitOptions::input_multiple(int rank) {
  return rank == 2 ? Grid(32, 32) : Grid(16, 32, 32);
}

Grid MitOptions::input_minimum(int rank) {
  return rank == 2 ? Grid(64, 64) : Grid(16, 64, 64);
}

namespace {

/// Every attention must find at least one cell of its reduction in the grid.
void check_reductions(const MitOptions& options) {
  auto padded = [](const Grid& size) {
    Grid grid = size;
    const Grid multiple = MitOptions::input_multiple(size.rank());
    for (int axis = 0; axis < size.rank(); ++axis) {
      grid[axis] =
          (size[axis] + multiple[axis] - 1) / multiple[axis] * multiple[axis];
    }
    return grid;
  };
  const auto& volume = options.volume_size;
  std::vector<Grid> inputs;
  if (includes(options.dimensions, 2)) {
    inputs.push_back(padded(Grid(options.image_size, options.image_size)));
  }
  if (includes(options.dimensions, 3)) {
    inputs.push_back(padded(Grid(volume[0], volume[1], volume[2])));
  }
  auto check = [&](const char* key, int64_t reduction, int level) {
    for (const Grid& input : inputs) {
      for (int64_t extent : MitOptions::level_grid(input, level).sizes()) {
        require(reduction <= extent, key,
                "reduces a stage by " + std::to_string(reduction) +
                    ", which has only " + std::to_string(extent) +
                    " tokens along an axis at this model.image_size and "
                    "model.volume_size");
      }
    }
  };
  for (int i = 0; i < 4; ++i) {
    check("model.encoder_reductions", options.encoder_reductions[i], i);
  }
  for (int i = 0; i < 3; ++i) {
    check("model.decoder_reductions", options.decoder_reductions[i], 2 - i);
  }
}

}  // namespace

MitOptions MitOptions::resolved() const {
  MitOptions out = *this;
  const bool small = variant == MitVariant::kSmall;
  if (out.encoder_depths.empty()) {
    out.encoder_depths = small ? std::vector<int64_t>{2, 3, 4, 3}
                               : std::vector<int64_t>{1, 1, 1, 1};
  }
  if (out.decoder_depths.empty()) {
    out.decoder_depths =
        small ? std::vector<int64_t>{3, 4, 3} : std::vector<int64_t>{1, 1, 1};
  }
  return out;
}

void MitOptions::validate() const {
  const MitOptions full = resolved();
  auto stages = [](const std::string& key, const std::vector<int64_t>& values,
                   size_t count) {
    require(values.size() == count, key,
            "needs " + std::to_string(count) + " values, one per stage, not " +
                std::to_string(values.size()));
    for (int64_t value : values) {
      require(value >= 1, key, "every value must be at least 1");
    }
  };
  stages("model.encoder_depths", full.encoder_depths, 4);
  stages("model.decoder_depths", full.decoder_depths, 3);
  stages("model.widths", widths, 4);
  stages("model.encoder_heads", encoder_heads, 4);
  stages("model.decoder_heads", decoder_heads, 3);
  stages("model.encoder_reductions", encoder_reductions, 4);
  stages("model.decoder_reductions", decoder_reductions, 3);
  for (int i = 0; i < 4; ++i) {
    require(widths[i] % encoder_heads[i] == 0, "model.encoder_heads",
            "must divide the stage's width (model.widths)");
  }
  for (int i = 0; i < 3; ++i) {
    require(widths[2 - i] % decoder_heads[i] == 0, "model.decoder_heads",
            "must divide the stage's width (model.widths, mirrored)");
  }
  require(image_size >= input_minimum(2)[0], "model.image_size",
          "must be at least 64 pixels");
  for (int axis = 0; axis < 3; ++axis) {
    require(volume_size[axis] >= input_minimum(3)[axis], "model.volume_size",
            "must be at least [16, 64, 64] voxels");
  }
  check_reductions(*this);
  require(image_channels >= 1, "model.image_channels", "must be at least 1");
  require(volume_channels >= 1, "model.volume_channels", "must be at least 1");
  require(stem_width >= 1, "model.stem_width", "must be at least 1");
  require(mlp_ratio >= 1, "model.mlp_ratio", "must be at least 1");
  require(drop_path >= 0.0 && drop_path < 1.0, "model.drop_path",
          "must be in [0, 1)");
}

}  // namespace unimiss::model
