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
/// axis by 1e-3) or place in the patient (a tenth of the finest spacing).
/// `other` stands for `volume` in the message.
void check_geometry(const std::string& path, const io::Volume& volume,
                    const io::Volume& map,
                    const std::string& other = "its case's image");

/// What the values of a label file stand for.
struct LabelValues {
  int64_t classes = 2;
  /// The value of each class; empty: 0, 1, 2, ...
  std::vector<int64_t> values{};
};

/// What a label file holds, whole numbers float32 [D, H, W], on its own grid.
///
/// rank: 3 for a volume; 2 for a grey PNG, which is one slice of pixels of 1
/// mm. Throws DataError for a file that cannot be read, for labels that are no
/// whole numbers and for colours.
io::Volume read_label_file(const std::string& path, int rank);

/// The classes of what a label file `path` holds, int16 of the same shape.
/// Throws DataError for a value that is not that of a class.
torch::Tensor label_classes(const std::string& path,
                            const torch::Tensor& stored,
                            const LabelValues& labels);
/// Where the structure of a mask is, int16 0 and 1: the mask may hold 0 and one
/// other value, or DataError.
torch::Tensor structure_mask(const std::string& path,
                             const torch::Tensor& stored);

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
