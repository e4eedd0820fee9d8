#pragma once

#include <string>

#include "unimiss/io/volume.h"

namespace unimiss::io {

/// How voxels are stored. Integers are rounded and clamped to their range.
enum class VoxelType { kUInt8, kInt16, kInt32, kFloat32 };

/// Writes voxels of any type as NIfTI (.nii, .nii.gz), MetaImage (.mha) or NRRD
/// (.nrrd), the latter two compressed, at the volume's place in the patient: on
/// the grid of volume.file, exactly, where there is one, else in the
/// orientation of Volume. The file appears whole or not at all. Throws
/// DataError where it cannot be written.
void write_volume(const std::string& path, const Volume& volume,
                  VoxelType type = VoxelType::kInt16);

}  // namespace unimiss::io
