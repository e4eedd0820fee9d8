#include "unimiss/io/durable_file.h"

#include <fcntl.h>
#include <libdeflate.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <random>
#include <vector>

#include "unimiss/core/crash_point.h"
#include "unimiss/core/error.h"
#include "unimiss/io/formats.h"

namespace unimiss::io {
namespace {

namespace fs = std::filesystem;

constexpr const char* kUnfinished = ".unfinished";

/// Beside the target, and no other writer's: another thread, process or machine
/// may be writing the same file.
std::string unfinished_name(const std::string& path) {
  static const uint64_t machine = std::random_device()();
  static std::atomic<int64_t> count{0};
  return path + "." + std::to_string(machine) + "-" + std::to_string(getpid()) +
         "-" + std::to_string(count++) + kUnfinished;
}

int open_retrying(const char* path, int flags) {
  int descriptor = -1;
  do {
    descriptor = open(path, flags, 0666);
  } while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

[[noreturn]] void fail_to_write(const std::string& path, const char* what) {
  throw DataError(
      path, std::string(what) + ": " + std::strerror(errno) +
                "; free space, mend the rights, or choose another folder");
}

/// Makes a rename within the folder survive a power cut.
bool sync_folder(const fs::path& folder) {
  const std::string name = folder.empty() ? "." : folder.string();
  const int descriptor = open_retrying(name.c_str(), O_RDONLY | O_DIRECTORY);
  if (descriptor < 0) return false;
  // Some file systems cannot sync a folder; they say so by EINVAL.
  const bool synced = fsync(descriptor) == 0 || errno == EINVAL;
  close(descriptor);
  return synced;
}

/// Gives a complete file its name.
void put_in_place(const std::string& part, const std::string& path) {
  if (rename(part.c_str(), path.c_str()) != 0) {
    fail_to_write(path, "cannot be replaced");
  }
  crash_at(CrashPoint::kFileRenamed);
  if (!sync_folder(fs::path(path).parent_path())) {
    fail_to_write(path, "was written, but its folder could not be synced");
  }
}

/// Removes a file where its name is not given up.
struct Remover {
  std::string file;
  ~Remover() {
    if (!file.empty()) unlink(file.c_str());
  }
};

}  // namespace

DurableFile::DurableFile(const std::string& path)
    : path_(path), part_(unfinished_name(path)) {
  descriptor_ =
      open_retrying(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
  if (descriptor_ < 0) fail("cannot be written");
  crash_at(CrashPoint::kFileOpened);
}

DurableFile::~DurableFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!part_.empty()) unlink(part_.c_str());
}

void DurableFile::fail(const char* what) const { fail_to_write(path_, what); }

void DurableFile::write(const void* data, size_t bytes) {
  // A single write() takes at most 2 GiB.
  constexpr size_t kChunk = size_t{64} << 20;
  const auto* at = static_cast<const char*>(data);
  digest_.crc32 = libdeflate_crc32(digest_.crc32, data, bytes);
  digest_.bytes += bytes;
  while (bytes > 0) {
    const ssize_t written = ::write(descriptor_, at, std::min(bytes, kChunk));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("could not be written");
    at += written;
    bytes -= static_cast<size_t>(written);
  }
}

FileDigest DurableFile::commit() {
  crash_at(CrashPoint::kFileWritten);
  if (fsync(descriptor_) != 0) fail("could not be written to the disk");
  const int closing = descriptor_;
  descriptor_ = -1;
  if (close(closing) != 0) fail("could not be written to the disk");
  crash_at(CrashPoint::kFileSynced);
  put_in_place(part_, path_);
  part_.clear();
  return digest_;
}

FileDigest write_durably(const std::string& path, std::string_view text) {
  DurableFile file(path);
  file.write(text.data(), text.size());
  return file.commit();
}

void write_durably(const std::string& path,
                   const std::function<void(const std::string&)>& write) {
  const FileFormat* format = find_format(path, LetterCase::kExact);
  Remover part{unfinished_name(path) +
               (format != nullptr ? std::string(format->ending)
                                  : fs::path(path).extension().string())};
  write(part.file);
  const int descriptor = open_retrying(part.file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail_to_write(path, "could not be written");
  const bool synced = fsync(descriptor) == 0;
  close(descriptor);
  if (!synced) fail_to_write(path, "could not be written to the disk");
  put_in_place(part.file, path);
  part.file.clear();
}

FileDigest digest_of(const std::string& path) {
  const int descriptor = open_retrying(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    throw DataError(path,
                    std::string("cannot be read: ") + std::strerror(errno));
  }
  std::vector<char> buffer(size_t{4} << 20);
  FileDigest digest;
  while (true) {
    const ssize_t got = read(descriptor, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const std::string why = std::strerror(errno);
      close(descriptor);
      throw DataError(path, "cannot be read: " + why);
    }
    if (got == 0) break;
    digest.crc32 =
        libdeflate_crc32(digest.crc32, buffer.data(), static_cast<size_t>(got));
    digest.bytes += static_cast<uint64_t>(got);
  }
  close(descriptor);
  return digest;
}

bool is_unfinished(const std::string& name) {
  const size_t at = name.rfind(kUnfinished);
  if (at == std::string::npos) return false;
  const std::string ending = name.substr(at + std::strlen(kUnfinished));
  return ending.empty() || ending[0] == '.';
}

}  // namespace unimiss::io
