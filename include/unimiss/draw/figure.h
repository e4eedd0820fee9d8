#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

/// Figures as pixels: captioned grids of images, what is put below each other.
/// Every function of this folder that draws one returns a white canvas uint8
/// [3, H, W] (red, green, blue), ready for write_png() (io/image.h).
///
/// What surprises: the font has ASCII letters only; others show as '?'.
namespace unimiss::draw {

/// An image [H, W], [1, H, W] or [3, H, W]: uint8, or floating point in [0, 1]
/// (values outside are clipped; stretch the contrast before).
struct Tile {
  torch::Tensor image;
  std::string caption;  ///< cut where it is wider than the tile
};

struct GridOptions {
  std::string title{};
  int64_t columns = 6;
  int64_t tile_size = 160;  ///< pixels of the longer side of every image
};

/// Images in rows, each scaled to the tile size and centred over its caption.
torch::Tensor tile_images(const std::vector<Tile>& tiles,
                          const GridOptions& options);

/// Canvases [3, H_i, W_i] below each other: [3, sum of H_i, largest W_i].
torch::Tensor stack_vertically(const std::vector<torch::Tensor>& canvases);

}  // namespace unimiss::draw
