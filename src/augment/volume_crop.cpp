#include "unimiss/augment/volume_crop.h"

#include <algorithm>
#include <vector>

#include "unimiss/augment/stage_times.h"
#include "unimiss/core/linear_taps.h"

namespace unimiss::augment {
namespace {

constexpr float kHuUnit = 1024;

/// One axis of a linear resampling. An index outside of the volume is -1.
struct LinearAxis {
  std::vector<int64_t> first, second;
  std::vector<float> weight;  ///< of the second

  LinearAxis(int64_t start, int64_t extent, int64_t size, int64_t volume,
             bool mirrored)
      : first(size), second(size), weight(size) {
    const LinearTaps taps(
        extent, size, static_cast<double>(extent) / static_cast<double>(size));
    const auto inside = [&](int64_t at) {
      at += start;
      return at >= 0 && at < volume ? at : -1;
    };
    for (int64_t i = 0; i < size; ++i) {
      const int64_t row = mirrored ? size - 1 - i : i;
      first[row] = inside(taps.first[i]);
      second[row] = inside(taps.second[i]);
      weight[row] = taps.weight[i];
    }
  }
};

/// A row of the window, resampled along W.
void resample_row(const int16_t* row, const LinearAxis& columns, float padding,
                  float scale, float* to) {
  const auto at = [&](int64_t x) {
    return x < 0 ? padding : static_cast<float>(row[x]);
  };
  for (size_t x = 0; x < columns.first.size(); ++x) {
    const float a = at(columns.first[x]), b = at(columns.second[x]);
    to[x] += scale * (a + columns.weight[x] * (b - a));
  }
}

}  // namespace

torch::Tensor central_region(const torch::Tensor& hu) {
  const int64_t rows = hu.size(1) / 10, columns = hu.size(2) / 10;
  return hu.narrow(1, rows, hu.size(1) - 2 * rows)
      .narrow(2, columns, hu.size(2) - 2 * columns);
}

torch::Tensor resized_crop(const torch::Tensor& hu, const VolumeWindow& window,
                           const std::array<int64_t, 3>& size,
                           const std::array<bool, 3>& mirror,
                           double padding_hu) {
  const StageTimer timer(Stage::kResample);
  const auto axis = [&](int i) {
    return LinearAxis(window.start[i], window.extent[i], size[i], hu.size(i),
                      mirror[i]);
  };
  const LinearAxis slices = axis(0), rows = axis(1), columns = axis(2);
  const auto padding = static_cast<float>(padding_hu);
  const int64_t row_stride = hu.stride(1), slice_stride = hu.stride(0);
  const int16_t* voxels = hu.data_ptr<int16_t>();
  auto view = torch::empty({size[0], size[1], size[2]});
  float* to = view.data_ptr<float>();
  // torch::zeros would start LibTorch's threads.
  std::fill_n(to, view.numel(), 0.0f);
  for (int64_t z = 0; z < size[0]; ++z) {
    for (int64_t y = 0; y < size[1]; ++y, to += size[2]) {
      for (int corner = 0; corner < 4; ++corner) {
        const float wz = corner & 2 ? slices.weight[z] : 1 - slices.weight[z];
        const float wy = corner & 1 ? rows.weight[y] : 1 - rows.weight[y];
        const float scale = wz * wy / kHuUnit;
        if (scale == 0) continue;
        const int64_t slice = corner & 2 ? slices.second[z] : slices.first[z];
        const int64_t row = corner & 1 ? rows.second[y] : rows.first[y];
        if (slice < 0 || row < 0) {
          for (int64_t x = 0; x < size[2]; ++x) to[x] += scale * padding;
        } else {
          resample_row(voxels + slice * slice_stride + row * row_stride,
                       columns, padding, scale, to);
        }
      }
    }
  }
  return view;
}

}  // namespace unimiss::augment
