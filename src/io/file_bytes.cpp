#include "io/file_bytes.h"

#include <filesystem>
#include <fstream>

#include "unimiss/core/error.h"

namespace unimiss::io {

namespace fs = std::filesystem;

void require_exists(const std::string& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    throw DataError(path, "no such file; check the path and the list it is in");
  }
}

std::vector<uint8_t> read_file_bytes(const std::string& path) {
  require_exists(path);
  std::error_code failure;
  if (!fs::is_regular_file(path, failure)) {
    throw DataError(path, "not a regular file; name an image file");
  }
  const auto size = fs::file_size(path, failure);
  if (failure) throw DataError(path, "cannot be read: " + failure.message());
  if (size == 0) throw DataError(path, "the file is empty; fetch it again");
  std::vector<uint8_t> bytes(size);
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(bytes.data()),
            static_cast<std::streamsize>(size));
  if (!file) throw DataError(path, "cannot be read; check its permissions");
  return bytes;
}

void throw_damaged(const std::string& path, const std::string& problem) {
  throw DataError(path, problem + "; fetch or export the file again");
}

}  // namespace unimiss::io
