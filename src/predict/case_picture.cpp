#include "predict/case_picture.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "unimiss/draw/figure.h"
#include "unimiss/draw/overlay.h"

namespace unimiss::predict {
namespace {

constexpr int64_t kTile = 256;
constexpr double kLargest = 4096;  ///< pixels, before a tile is made smaller

/// At a quarter, half and three quarters of the slices with labels; of those
/// without any of all slices.
std::vector<int64_t> shown_slices(const torch::Tensor& map) {
  if (map.size(0) == 1) return {0};
  const torch::Tensor labeled = map.flatten(1).ne(0).any(1).nonzero();
  int64_t first = 0, last = map.size(0) - 1;
  if (labeled.size(0) > 0) {
    first = labeled.min().item<int64_t>();
    last = labeled.max().item<int64_t>();
  }
  std::vector<int64_t> slices;
  for (const double share : {0.25, 0.5, 0.75}) {
    slices.push_back(first +
                     std::lround(share * static_cast<double>(last - first)));
  }
  slices.erase(std::unique(slices.begin(), slices.end()), slices.end());
  return slices;
}

/// Rows or columns of [..., H, W] repeated so that pixels become square, as far
/// as a picture can show it.
torch::Tensor square_pixels(const torch::Tensor& slice, double height,
                            double width) {
  const double finest = std::min(height, width);
  const auto stretched = [](const torch::Tensor& of, int64_t axis,
                            double factor) {
    const int64_t extent = of.size(axis);
    factor = std::min(factor, kLargest / static_cast<double>(extent));
    const int64_t size =
        std::max(extent, std::lround(static_cast<double>(extent) * factor));
    if (size == extent) return of;
    const torch::Tensor from =
        ((at::arange(size, torch::kDouble) + 0.5) *
         static_cast<double>(extent) / static_cast<double>(size))
            .floor()
            .clamp_max(static_cast<double>(extent - 1))
            .to(torch::kLong);
    return of.index_select(axis, from);
  };
  return stretched(stretched(slice, -2, height / finest), -1, width / finest);
}

/// Values in [0, 1], their darkest and brightest half percent cut.
torch::Tensor stretched_contrast(const torch::Tensor& slice) {
  const torch::Tensor sorted = std::get<0>(slice.flatten().sort());
  const int64_t cut = sorted.numel() / 200;
  const float low = sorted[cut].item<float>();
  const float high = sorted[sorted.numel() - 1 - cut].item<float>();
  return ((slice - low) / std::max(high - low, 1e-6F)).clamp(0, 1);
}

}  // namespace

torch::Tensor case_picture(const std::string& title, const torch::Tensor& image,
                           const data::CaseReference& own,
                           const torch::Tensor& map,
                           const task::TaskSpec& spec) {
  const bool has_reference = own.map.defined();
  std::vector<draw::Tile> tiles;
  for (const int64_t slice : shown_slices(has_reference ? own.map : map)) {
    const auto square = [&](const torch::Tensor& of) {
      return square_pixels(of, own.grid.spacing[1], own.grid.spacing[2]);
    };
    const torch::Tensor shown =
        image.size(0) == 3 ? image
                           : image.slice(0, 0, 1).expand({3, -1, -1, -1});
    const torch::Tensor plain =
        stretched_contrast(square(shown.select(1, slice)));
    const std::string place =
        map.size(0) == 1 ? "image" : fmt::format("slice {}", slice);
    tiles.push_back({plain, place});
    const auto add = [&](const torch::Tensor& labels, const char* caption) {
      torch::Tensor colors = plain.clone(at::MemoryFormat::Contiguous);
      draw::overlay_masks(colors, spec.foreground_masks(square(labels[slice])));
      tiles.push_back({colors, caption});
    };
    if (has_reference) add(own.map, "reference");
    add(map, "prediction");
  }
  draw::GridOptions grid;
  grid.title = title;
  grid.columns = has_reference ? 3 : 2;
  grid.tile_size = kTile;
  return draw::with_legend(draw::tile_images(tiles, grid), spec.foreground());
}

}  // namespace unimiss::predict
