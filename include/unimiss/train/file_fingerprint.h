#pragma once

#include <cstdint>
#include <string>

namespace unimiss::train {

/// Of names, sizes and order of files: a data set that moved as a whole keeps
/// it.
class FileFingerprint {
 public:
  void add_file(const std::string& path);
  void add(const std::string& text) { text_ += text + "\n"; }
  /// "12 files, 0123456789abcdef".
  std::string text() const;

 private:
  std::string text_;
  int64_t files_ = 0;
};

}  // namespace unimiss::train
