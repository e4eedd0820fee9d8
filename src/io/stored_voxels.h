#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace unimiss::io {

/// The voxels of a volume file, found to be whole; not yet oriented.
///
/// ITK 5.2 reads truncated and corrupt files without an error, allocates
/// whatever a header claims and turns NaN into 0, so ITK is asked only for the
/// geometry, after the checks of the readers; the voxels come from these bytes.
struct StoredVoxels {
  std::vector<uint8_t> bytes;  ///< the file or its data, inflated
  size_t offset = 0;           ///< where the voxels begin
  int64_t count = 0;           ///< how many there are
  c10::ScalarType type = torch::kInt16;
  bool swapped = false;  ///< stored in the other byte order
  double slope = 1;      ///< intensity = slope * stored + intercept
  double intercept = 0;
};

/// The bytes of `count` voxels of `type`.
uint64_t bytes_needed(const StoredVoxels& voxels);

/// Writers may pad what follows the voxels by so much.
inline constexpr uint64_t kTrailingBytes = 1 << 20;

/// Throws DataError unless `count` voxels of `type` lie behind `offset`.
void check_voxels_present(const std::string& path, const StoredVoxels& voxels);

/// Writes the `count` rescaled intensities in stored order.
void decode_voxels(const StoredVoxels& voxels, float* intensities);

/// The first bytes that a gzip stream inflates to, at most `count`, unverified:
/// to learn from a header how much memory the rest may take.
std::vector<uint8_t> gzip_begin(const std::string& path,
                                const std::vector<uint8_t>& packed,
                                size_t count);

/// Every member of a gzip stream, inflated and verified against its checksum.
/// Throws DataError for more than `limit` bytes.
std::vector<uint8_t> inflate_gzip(const std::string& path,
                                  const std::vector<uint8_t>& packed,
                                  uint64_t limit);

/// A zlib stream of exactly `size` bytes, verified against its checksum.
std::vector<uint8_t> inflate_zlib(const std::string& path,
                                  const std::vector<uint8_t>& packed,
                                  uint64_t size);

}  // namespace unimiss::io
