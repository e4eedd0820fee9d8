#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "unimiss/io/volume.h"

/// Label maps that fit their image: one class a voxel or pixel.
namespace unimiss::data {

/// Throws DataError, naming the file `path` of `map` and both sides, where a
/// volume differs from another in size, spacing (1e-3 relative), direction (an
/// axis by 1e-2) or place in the patient (a tenth of the finest spacing).
void check_geometry(const std::string& path, const io::Volume& volume,
                    const io::Volume& map);

/// What the values of a label file stand for.
struct LabelValues {
  int64_t classes = 2;
  /// The value of each class; empty: 0, 1, 2, ...
  std::vector<int64_t> values{};
};

/// The classes of a volume's label map, int16 [D, H, W], in the orientation of
/// io::Volume whatever the file's.
///
/// Throws DataError where the map and the volume differ (check_geometry()), and
/// for a label that is no whole number or not the value of a class.
torch::Tensor read_label_volume(const std::string& path,
                                const io::Volume& volume,
                                const LabelValues& labels);
/// Where a structure is, int16 0 and 1: the mask may hold 0 and one other
/// value. Throws likewise.
torch::Tensor read_structure_volume(const std::string& path,
                                    const io::Volume& volume);

/// The same of an image, int16 [H, W], from a grey PNG.
///
/// Throws DataError for another size than [height, width], for colours and for
/// values as above.
torch::Tensor read_mask_image(const std::string& path, int64_t height,
                              int64_t width, const LabelValues& labels);
torch::Tensor read_structure_image(const std::string& path, int64_t height,
                                   int64_t width);

}  // namespace unimiss::data
