// Arbitrary bytes as a volume: read whole or refused with a DataError, never a
// crash, a hang or memory beyond what the bytes can hold. The first byte
// chooses the format.
#include <vector>

#include "fuzz/fuzz_file.h"
#include "io/nifti_file.h"
#include "io/text_header_file.h"
#include "unimiss/core/error.h"

namespace {

using unimiss::io::StoredVoxels;

StoredVoxels read(uint8_t format, const uint8_t* bytes, size_t count) {
  static const unimiss::testing::FuzzFile nifti("v.nii"), packed("v.nii.gz"),
      meta("v.mha"), nrrd("v.nrrd");
  switch (format % 4) {
    case 0:
      return unimiss::io::read_nifti_voxels(nifti.write(bytes, count));
    case 1:
      return unimiss::io::read_nifti_voxels(packed.write(bytes, count));
    case 2:
      return unimiss::io::read_metaimage_voxels(meta.write(bytes, count));
    default:
      return unimiss::io::read_nrrd_voxels(nrrd.write(bytes, count));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  try {
    const StoredVoxels voxels = read(data[0], data + 1, size - 1);
    std::vector<float> intensities(voxels.count);
    unimiss::io::decode_voxels(voxels, intensities.data());
  } catch (const unimiss::DataError&) {
  }
  return 0;
}
