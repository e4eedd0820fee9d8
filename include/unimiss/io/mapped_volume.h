#pragma once

#include <torch/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

/// Decoded voxels on disk, made to be memory-mapped: uncompressed NIfTI-1 that
/// any viewer opens, with a checksum in the header's description.
namespace unimiss::io {

/// The longest axis that fits the format, voxels.
inline constexpr int64_t kMaxMappedExtent = 32767;

/// What a file holds besides its voxels: a header and no extension.
inline constexpr size_t kMappedHeaderBytes = 352;

/// Writes integer voxels [D, H, W] (uint8, uint16 or int16) of `spacing` mm in
/// the orientation of Volume, under a temporary name beside `path` that is
/// renamed once complete: readers and other writers never see half a file.
/// Throws DataError where it cannot be written.
void write_mapped_volume(const std::string& path, const torch::Tensor& voxels,
                         const std::array<double, 3>& spacing);

/// How much of a mapped file is checked when it is opened.
enum class MappedCheck {
  kHeader,  ///< that header and size agree
  kVoxels,  ///< also the checksum, which reads the whole file
};

struct MappedVolume {
  torch::Tensor voxels;                    ///< [D, H, W]
  std::array<double, 3> spacing{1, 1, 1};  ///< mm, to single precision
};

/// What write_mapped_volume wrote to a file, as a tensor on the mapped file
/// itself: reading an element reads its page, writing to one is a
/// segmentation fault. The file may be deleted meanwhile.
/// Throws DataError for a file that is damaged or of another writer, a plain
/// Error for one that is missing or that the system cannot map just now.
MappedVolume map_volume(const std::string& path, MappedCheck check);

}  // namespace unimiss::io
