#include "unimiss/data/labels.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "unimiss/core/error.h"
#include "unimiss/io/image.h"

namespace unimiss::data {
namespace {

[[noreturn]] void fail_label(const std::string& path, int64_t value,
                             const LabelValues& labels) {
  const std::string allowed =
      labels.values.empty()
          ? fmt::format("0 to {}", labels.classes - 1)
          : fmt::format("stored as {}", fmt::join(labels.values, ", "));
  throw DataError(path, fmt::format("holds the label {}, but there are {} "
                                    "classes ({}); correct the map or the "
                                    "classes",
                                    value, labels.classes, allowed));
}

/// Whole numbers, float or int32 → classes.
template <class Value>
torch::Tensor classes_of(const std::string& path, const torch::Tensor& stored,
                         const LabelValues& labels) {
  TORCH_CHECK(labels.classes >= 1 && labels.classes <= 256, "1 to 256 classes");
  auto classes = torch::empty(stored.sizes(), torch::kInt16);
  const Value* from = stored.data_ptr<Value>();
  auto* to = classes.data_ptr<int16_t>();
  for (int64_t i = 0; i < stored.numel(); ++i) {
    const auto value = static_cast<int64_t>(from[i]);
    int64_t found = value;
    if (!labels.values.empty()) {
      found = std::find(labels.values.begin(), labels.values.end(), value) -
              labels.values.begin();
    }
    if (found < 0 || found >= labels.classes) fail_label(path, value, labels);
    to[i] = static_cast<int16_t>(found);
  }
  return classes;
}

template <class Value>
torch::Tensor structure_of(const std::string& path,
                           const torch::Tensor& stored) {
  auto structure = torch::empty(stored.sizes(), torch::kInt16);
  const Value* from = stored.data_ptr<Value>();
  auto* to = structure.data_ptr<int16_t>();
  Value other = 0;
  for (int64_t i = 0; i < stored.numel(); ++i) {
    if (other == 0) other = from[i];
    if (from[i] != 0 && from[i] != other) {
      throw DataError(path,
                      fmt::format("holds the values {} and {}, but a "
                                  "structure's mask has 0 and one other value; "
                                  "write a mask for each structure",
                                  other, from[i]));
    }
    to[i] = from[i] != 0 ? 1 : 0;
  }
  return structure;
}

torch::Tensor stored_volume(const std::string& path, const io::Volume& volume) {
  const io::Volume map = read_label_file(path, 3);
  check_geometry(path, volume, map);
  return map.voxels;
}

/// uint8 or uint16 [1, H, W]
torch::Tensor gray_pixels(const std::string& path) {
  torch::Tensor pixels = io::read_pixels(path);
  if (pixels.size(0) != 1) {
    throw DataError(path,
                    "is a colour image, not a mask of classes; save the "
                    "classes as grey values");
  }
  return pixels;
}

/// int32 [H, W]
torch::Tensor stored_image(const std::string& path, int64_t height,
                           int64_t width) {
  const torch::Tensor pixels = gray_pixels(path);
  if (pixels.size(1) != height || pixels.size(2) != width) {
    throw DataError(path,
                    fmt::format("has {}x{} pixels, its image {}x{}; "
                                "bring the mask to the image's size",
                                pixels.size(1), pixels.size(2), height, width));
  }
  return pixels[0].to(torch::kInt32).contiguous();
}

}  // namespace

void check_geometry(const std::string& path, const io::Volume& volume,
                    const io::Volume& map, const std::string& other) {
  const auto fail = [&](const std::string& what, const std::string& image,
                        const std::string& label) {
    throw DataError(path, fmt::format("has the {} {}, {} {}; resample it onto "
                                      "that grid",
                                      what, label, other, image));
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
      if (std::abs(map.axes[axis][i] - volume.axes[axis][i]) > 1e-3) {
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

io::Volume read_label_file(const std::string& path, int rank) {
  io::Volume file;
  if (rank == 2) {
    file.voxels = gray_pixels(path).to(torch::kFloat).contiguous();
  } else {
    file = io::read_volume(path, io::VoxelKind::kLabels);
    file.voxels = file.voxels.contiguous();
  }
  return file;
}

torch::Tensor label_classes(const std::string& path,
                            const torch::Tensor& stored,
                            const LabelValues& labels) {
  return classes_of<float>(path, stored, labels);
}

torch::Tensor structure_mask(const std::string& path,
                             const torch::Tensor& stored) {
  return structure_of<float>(path, stored);
}

torch::Tensor read_label_volume(const std::string& path,
                                const io::Volume& volume,
                                const LabelValues& labels) {
  return classes_of<float>(path, stored_volume(path, volume), labels);
}

torch::Tensor read_structure_volume(const std::string& path,
                                    const io::Volume& volume) {
  return structure_of<float>(path, stored_volume(path, volume));
}

torch::Tensor read_mask_image(const std::string& path, int64_t height,
                              int64_t width, const LabelValues& labels) {
  return classes_of<int32_t>(path, stored_image(path, height, width), labels);
}

torch::Tensor read_structure_image(const std::string& path, int64_t height,
                                   int64_t width) {
  return structure_of<int32_t>(path, stored_image(path, height, width));
}

}  // namespace unimiss::data
