#include "unimiss/data/labels.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "unimiss/core/error.h"
#include "unimiss/io/image.h"

namespace unimiss::data {
namespace {

void check_range(const std::string& path, double least, double most,
                 int64_t classes) {
  if (least >= 0 && most < static_cast<double>(classes)) return;
  throw DataError(path,
                  fmt::format("holds the label {}, but there are {} "
                              "classes (0 to {}); correct the map or the "
                              "number of classes",
                              least < 0 ? least : most, classes, classes - 1));
}

/// Throws unless both grids lie at the same place in the patient.
void check_geometry(const std::string& path, const io::Volume& volume,
                    const io::Volume& map) {
  const auto fail = [&](const std::string& what, const std::string& image,
                        const std::string& label) {
    throw DataError(path, fmt::format("has the {} {}, its image {}; resample "
                                      "the label map onto the image's grid",
                                      what, label, image));
  };
  if (map.voxels.sizes() != volume.voxels.sizes()) {
    fail("size", fmt::format("{}", fmt::join(volume.voxels.sizes(), "x")),
         fmt::format("{}", fmt::join(map.voxels.sizes(), "x")));
  }
  for (int axis = 0; axis < 3; ++axis) {
    const double spacing = volume.spacing[axis];
    if (std::abs(map.spacing[axis] - spacing) > 1e-3 * spacing) {
      fail("spacing (mm)",
           fmt::format("{:.4g}", fmt::join(volume.spacing, "x")),
           fmt::format("{:.4g}", fmt::join(map.spacing, "x")));
    }
    for (int i = 0; i < 3; ++i) {
      if (std::abs(map.axes[axis][i] - volume.axes[axis][i]) > 1e-2) {
        fail("direction",
             fmt::format("{:.3f}", fmt::join(volume.axes[axis], " ")),
             fmt::format("{:.3f}", fmt::join(map.axes[axis], " ")));
      }
    }
  }
  const double finest =
      *std::min_element(volume.spacing.begin(), volume.spacing.end());
  for (int i = 0; i < 3; ++i) {
    if (std::abs(map.origin[i] - volume.origin[i]) > 0.1 * finest) {
      fail("origin (mm)", fmt::format("{:.2f}", fmt::join(volume.origin, " ")),
           fmt::format("{:.2f}", fmt::join(map.origin, " ")));
    }
  }
}

}  // namespace

torch::Tensor read_label_volume(const std::string& path,
                                const io::Volume& volume, int64_t classes) {
  TORCH_CHECK(classes >= 1 && classes <= 256, "1 to 256 classes");
  const io::Volume map = io::read_volume(path, io::VoxelKind::kLabels);
  check_geometry(path, volume, map);
  const float* begin = map.voxels.data_ptr<float>();
  const auto [least, most] =
      std::minmax_element(begin, begin + map.voxels.numel());
  check_range(path, *least, *most, classes);
  return map.voxels.to(torch::kUInt8);
}

torch::Tensor read_mask_image(const std::string& path, int64_t height,
                              int64_t width, int64_t classes) {
  TORCH_CHECK(classes >= 1 && classes <= 256, "1 to 256 classes");
  const torch::Tensor pixels = io::read_pixels(path);
  if (pixels.size(0) != 1) {
    throw DataError(path,
                    "is a colour image, not a mask of classes; save the "
                    "classes as grey values");
  }
  if (pixels.size(1) != height || pixels.size(2) != width) {
    throw DataError(path,
                    fmt::format("has {}x{} pixels, its image {}x{}; "
                                "bring the mask to the image's size",
                                pixels.size(1), pixels.size(2), height, width));
  }
  const torch::Tensor values = pixels[0].to(torch::kInt32).contiguous();
  const int32_t* begin = values.data_ptr<int32_t>();
  check_range(path, 0, *std::max_element(begin, begin + values.numel()),
              classes);
  return values.to(torch::kUInt8);
}

}  // namespace unimiss::data
