#pragma once

#include <string>

#include "io/stored_voxels.h"

namespace unimiss::io {

/// Throws DataError unless the file is one whole, undamaged, scalar 3D NIfTI-1
/// image. The checksums of a .nii.gz are verified; memory is bounded by what
/// the file's own bytes can inflate to.
StoredVoxels read_nifti_voxels(const std::string& path);

}  // namespace unimiss::io
