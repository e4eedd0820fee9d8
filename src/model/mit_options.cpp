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

Grid MitOptions::padded(const Grid& input) {
  Grid grid = input;
  const Grid multiple = input_multiple(input.rank());
  for (int axis = 0; axis < input.rank(); ++axis) {
    grid[axis] =
        (input[axis] + multiple[axis] - 1) / multiple[axis] * multiple[axis];
  }
  return grid;
}

Grid MitOptions::input_minimum(int rank) {
  return rank == 2 ? Grid(64, 64) : Grid(16, 64, 64);
}

namespace {

// Larger ones only overflow further on.
constexpr double kMaximumExtent = 65536;

/// Heads share a stage's width evenly.
void check_heads(const MitOptions& options, Problems& problems) {
  if (problems.at_fault("model.widths")) return;
  const auto check = [&](const std::string& list, size_t stage,
                         const std::vector<int64_t>& heads, int64_t width) {
    const std::string key = item_key(list, stage);
    if (problems.at_fault(key)) return;
    problems.require(width % heads[stage] == 0, key,
                     "must divide " + number_text(width) +
                         ", the stage's width of model.widths (is " +
                         number_text(heads[stage]) + ")");
  };
  for (size_t i = 0; i < 4; ++i) {
    check("model.encoder_heads", i, options.encoder_heads, options.widths[i]);
  }
  for (size_t i = 0; i < 3; ++i) {
    check("model.decoder_heads", i, options.decoder_heads,
          options.widths[2 - i]);
  }
}

/// Every attention must find at least one cell of its reduction in the grid.
void check_reductions(const MitOptions& options, Problems& problems) {
  struct Input {
    std::string key;
    Grid extents;
  };
  const auto& volume = options.volume_size;
  std::vector<Input> inputs;
  if (problems.at_fault("model.dimensions")) return;
  if (includes(options.dimensions, 2) &&
      !problems.at_fault("model.image_size")) {
    inputs.push_back(
        {"model.image_size",
         MitOptions::padded(Grid(options.image_size, options.image_size))});
  }
  if (includes(options.dimensions, 3) &&
      !problems.at_fault("model.volume_size")) {
    inputs.push_back(
        {"model.volume_size",
         MitOptions::padded(Grid(volume[0], volume[1], volume[2]))});
  }
  const auto check = [&](const std::string& list, size_t stage,
                         const std::vector<int64_t>& reductions, int level) {
    const std::string key = item_key(list, stage);
    if (problems.at_fault(key)) return;
    for (const Input& input : inputs) {
      const Grid grid = MitOptions::level_grid(input.extents, level);
      for (const int64_t extent : grid.sizes()) {
        problems.require(reductions[stage] <= extent, key,
                         "must be at most " + number_text(extent) +
                             ", the stage's tokens along an axis at this " +
                             input.key + " (is " +
                             number_text(reductions[stage]) + ")");
      }
    }
  };
  for (int i = 0; i < 4; ++i) {
    check("model.encoder_reductions", i, options.encoder_reductions, i);
  }
  for (int i = 0; i < 3; ++i) {
    check("model.decoder_reductions", i, options.decoder_reductions, 2 - i);
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

void MitOptions::check(Problems& problems) const {
  const MitOptions full = resolved();
  const auto stages = [&](const std::string& key,
                          const std::vector<int64_t>& values, size_t count) {
    problems.require(values.size() == count, key,
                     "needs " + std::to_string(count) +
                         " values, one per stage (has " +
                         std::to_string(values.size()) + ")");
    problems.all_in_range(values, between(1, kMaximumExtent), key);
  };
  stages("model.encoder_depths", full.encoder_depths, 4);
  stages("model.decoder_depths", full.decoder_depths, 3);
  stages("model.widths", widths, 4);
  stages("model.encoder_heads", encoder_heads, 4);
  stages("model.decoder_heads", decoder_heads, 3);
  stages("model.encoder_reductions", encoder_reductions, 4);
  stages("model.decoder_reductions", decoder_reductions, 3);
  check_heads(*this, problems);
  problems.in_range(image_size, between(64, kMaximumExtent), "model.image_size",
                    "write the pixels along one side of a view");
  const Grid least = input_minimum(3);
  for (int axis = 0; axis < 3; ++axis) {
    problems.in_range(volume_size[axis],
                      between(static_cast<double>(least[axis]), kMaximumExtent),
                      item_key("model.volume_size", axis),
                      "write [D, H, W], at least [16, 64, 64] voxels");
  }
  check_reductions(*this, problems);
  problems.in_range(image_channels, at_least(1), "model.image_channels");
  problems.in_range(volume_channels, at_least(1), "model.volume_channels");
  problems.in_range(stem_width, between(1, kMaximumExtent), "model.stem_width");
  problems.in_range(mlp_ratio, between(1, kMaximumExtent), "model.mlp_ratio");
  problems.in_range(drop_path, from_below(0, 1), "model.drop_path");
}

}  // namespace unimiss::model
