#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace unimiss::io {

/// All bytes of a file. Throws DataError when it is missing, is not a regular
/// file, cannot be read or is empty.
std::vector<uint8_t> read_file_bytes(const std::string& path);

/// Throws the DataError of a damaged file: fetch or export it again.
[[noreturn]] void throw_damaged(const std::string& path,
                                const std::string& problem);

}  // namespace unimiss::io
