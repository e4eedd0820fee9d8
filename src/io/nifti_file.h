#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace unimiss::io {

/// The voxels of a NIfTI-1 file, found to be whole; not yet oriented.
///
/// ITK 5.2 reads truncated and corrupt files without an error, allocates
/// whatever a header claims and turns NaN into 0, so ITK is asked only for the
/// geometry, after the checks here; the voxels come from these bytes.
struct NiftiVoxels {
  std::vector<uint8_t> bytes;  ///< the whole file, inflated
  size_t offset = 0;           ///< where its voxels begin
  int64_t count = 0;           ///< how many there are
  int16_t data_type = 0;       ///< the header's code of a scalar type
  bool swapped = false;        ///< stored in the other byte order
  double slope = 1;            ///< intensity = slope * stored + intercept
  double intercept = 0;
};

/// Throws DataError unless the file is one whole, undamaged, scalar 3D NIfTI-1
/// image. The checksums of a .nii.gz are verified; memory is bounded by what
/// the file's own bytes can inflate to.
NiftiVoxels read_nifti_voxels(const std::string& path);

/// Writes the `count` rescaled intensities in stored order.
void decode_voxels(const NiftiVoxels& voxels, float* intensities);

}  // namespace unimiss::io
