#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/stored_voxels.h"

namespace unimiss::io {

/// Throws DataError unless the file is one whole, undamaged, scalar 3D NIfTI-1
/// image. The checksums of a .nii.gz are verified; memory is bounded by what
/// the file's own bytes can inflate to.
StoredVoxels read_nifti_voxels(const std::string& path);

/// Its header, in this machine's byte order as far as it tells of the place in
/// the patient.
std::vector<uint8_t> native_nifti_header(const StoredVoxels& voxels);

/// Puts what such a header tells of the place into a file with the same axes.
void copy_nifti_place(const std::vector<uint8_t>& header,
                      const std::string& path);

}  // namespace unimiss::io
