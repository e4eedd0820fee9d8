#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>

#include "unimiss/io/volume.h"

/// Label maps that fit their image: one class a voxel or pixel.
namespace unimiss::data {

/// The classes of a volume's label map, uint8 [D, H, W], in the orientation of
/// io::Volume whatever the file's.
///
/// Throws DataError, naming both sides, where the map and the volume differ in
/// size, spacing, place or direction in the patient, and for a label that is
/// not a whole number in [0, classes).
torch::Tensor read_label_volume(const std::string& path,
                                const io::Volume& volume, int64_t classes);

/// The classes of an image's mask, uint8 [H, W], from a grey PNG whose values
/// are the classes.
///
/// Throws DataError for another size than [height, width], for colours and for
/// a value that is not below `classes`.
torch::Tensor read_mask_image(const std::string& path, int64_t height,
                              int64_t width, int64_t classes);

}  // namespace unimiss::data
