#pragma once

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace unimiss::testing {

/// A file in memory of this process alone, for readers that take a path.
class FuzzFile {
 public:
  explicit FuzzFile(const std::string& name)
      : folder_("/dev/shm/unimiss-fuzz-" + std::to_string(getpid())),
        path_(folder_ + "/" + name) {
    std::filesystem::create_directories(folder_);
  }
  ~FuzzFile() { std::filesystem::remove_all(folder_); }
  FuzzFile(const FuzzFile&) = delete;
  FuzzFile& operator=(const FuzzFile&) = delete;

  const std::string& folder() const { return folder_; }
  const std::string& write(const uint8_t* bytes, size_t count) const {
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes),
               static_cast<std::streamsize>(count));
    return path_;
  }

 private:
  std::string folder_, path_;
};

}  // namespace unimiss::testing
