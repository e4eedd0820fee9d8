#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <string>

#include "unimiss/data/case_cache.h"
#include "unimiss/io/volume.h"

/// The grid on which a network sees a case, and how voxels get there: a part of
/// decoding. Everything runs on the calling thread.
namespace unimiss::data {

struct CaseGrid {
  std::array<int64_t, 3> size;
  std::array<double, 3> step;  ///< its spacing by that of the case's own grid
  std::array<double, 3> spacing;  ///< mm
};

/// From the case's own grid, whose voxels are of no account. With
/// options.spacing an axis of n voxels gets round(n / step) >= 1, as in
/// io::resample(). Throws DataError naming the file where that makes more than
/// 2^29 voxels.
CaseGrid case_grid(const std::string& path, const io::Volume& own,
                   const CaseDecodeOptions& options);

/// A channel float32 [D, H, W], contiguous, on the grid: linear, but along axes
/// of an image (rank 2) that shrink the mean of the area of each pixel.
torch::Tensor channel_on_grid(const torch::Tensor& channel,
                              const CaseGrid& grid, int rank);

/// A map int16 [D, H, W], contiguous, on the grid, by options.labels.
torch::Tensor map_on_grid(const torch::Tensor& map, const CaseGrid& grid,
                          const CaseDecodeOptions& options);

}  // namespace unimiss::data
