#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace unimiss::io {

/// What tells whether a file is the one that was written.
struct FileDigest {
  uint64_t bytes = 0;
  uint32_t crc32 = 0;
  bool operator==(const FileDigest&) const = default;
};

/// A file that appears whole or not at all, whatever ends the process or the
/// machine: written under a temporary name beside the target, synced to the
/// disk, renamed over it, and the folder synced.
///
/// All errors are DataErrors that name the target; what was there before is
/// then untouched.
class DurableFile {
 public:
  explicit DurableFile(const std::string& path);
  /// Takes back what was not committed.
  ~DurableFile();
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;

  void write(const void* data, size_t bytes);
  /// Puts the file under its name.
  FileDigest commit();

 private:
  [[noreturn]] void fail(const char* what) const;

  std::string path_, part_;
  int descriptor_ = -1;
  FileDigest digest_;
};

/// Writes a whole text in this way.
FileDigest write_durably(const std::string& path, std::string_view text);

/// The same with a library that writes the file itself: write(name) is given a
/// temporary name beside the target, with the target's ending.
void write_durably(const std::string& path,
                   const std::function<void(const std::string&)>& write);

/// Of a file as it is now. Throws DataError when it cannot be read.
FileDigest digest_of(const std::string& path);

/// Whether a name is that of a file in the making, left by a process that
/// ended.
bool is_unfinished(const std::string& name);

}  // namespace unimiss::io
