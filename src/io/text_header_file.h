#pragma once

#include <string>

#include "io/stored_voxels.h"

/// Volumes that a text header describes: MetaImage and NRRD.
namespace unimiss::io {

/// Of a .mha file, or a .mhd file and the data beside it. Throws DataError
/// unless it is one whole, undamaged, scalar 3D image of binary data.
StoredVoxels read_metaimage_voxels(const std::string& path);

/// Of a .nrrd file, or a .nhdr file and the data beside it, raw or gzip.
/// Throws DataError as above.
StoredVoxels read_nrrd_voxels(const std::string& path);

/// The file beside a .mhd or .nhdr header that holds its voxels; empty where
/// the header does not say.
std::string detached_data_file(const std::string& path);

}  // namespace unimiss::io
