#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace unimiss::io {

/// Throws the DataError of a path that leads nowhere.
void require_exists(const std::string& path);

/// All bytes of a file. Throws DataError when it is missing, is not a regular
/// file, cannot be read or is empty.
std::vector<uint8_t> read_file_bytes(const std::string& path);

/// Images of more pixels are refused.
inline constexpr uint64_t kMaxPixels = uint64_t{1} << 30;

inline uint32_t little_endian32(const uint8_t* at) {
  return at[0] | at[1] << 8 | at[2] << 16 | static_cast<uint32_t>(at[3]) << 24;
}

/// Throws the DataError of a damaged file: fetch or export it again.
[[noreturn]] void throw_damaged(const std::string& path,
                                const std::string& problem);

}  // namespace unimiss::io
