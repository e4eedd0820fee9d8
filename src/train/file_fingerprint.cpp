#include "unimiss/train/file_fingerprint.h"

#include <fmt/format.h>

#include <filesystem>

#include "unimiss/core/random.h"

namespace unimiss::train {
namespace {

namespace fs = std::filesystem;

/// Bytes of a file, or of the files in a folder.
uintmax_t size_of(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return fs::file_size(path, ignored);
  uintmax_t size = 0;
  for (const auto& entry : fs::directory_iterator(path, ignored)) {
    size += entry.file_size(ignored);
  }
  return size;
}

}  // namespace

void FileFingerprint::add_file(const std::string& name) {
  const fs::path path = name;
  add(fmt::format("{}/{}\t{}", path.parent_path().filename().string(),
                  path.filename().string(), size_of(path)));
  ++files_;
}

std::string FileFingerprint::text() const {
  return fmt::format("{} files, {:016x}", files_, fnv1a64(text_));
}

}  // namespace unimiss::train
