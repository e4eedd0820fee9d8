#include "data/cache_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "unimiss/core/error.h"
#include "unimiss/core/log.h"

namespace unimiss::data {
namespace {

namespace fs = std::filesystem;

constexpr double kGib = 1 << 30;
/// Left free on the disk for everything else, bytes.
constexpr double kReserve = kGib;

double free_bytes(const fs::path& folder) {
  std::error_code error;
  const auto space = fs::space(folder, error);
  // Where nothing can be learned, writing will tell.
  return error ? 1e18 : static_cast<double>(space.available);
}

}  // namespace

FileLock::FileLock(const fs::path& path)
    : file_(open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0666)) {
  // Where locks do not work, at worst an entry is made twice.
  if (file_ >= 0) flock(file_, LOCK_EX);
}

FileLock::~FileLock() {
  if (file_ >= 0) close(file_);
}

CacheFolder::CacheFolder(const std::string& folder, double gib,
                         std::string what)
    : folder_(folder), capacity_(gib * kGib), what_(std::move(what)) {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) {
    throw DataError(folder, "the cache's folder cannot be made (" +
                                error.message() +
                                "); name another one with data.cache, which by "
                                "default lies beside run.output");
  }
}

fs::path CacheFolder::keep(const std::string& name) {
  fs::path entry = folder_ / name.substr(0, 2) / name;
  kept_.insert(entry.string());
  return entry;
}

bool CacheFolder::make_room(const fs::path& entry, double bytes) {
  const std::lock_guard lock(mutex_);
  if (full_) return false;
  if (!fits(bytes)) {
    // Other processes write here too: count anew. Some more room than needed,
    // for this takes long.
    const double wanted = bytes + 0.05 * capacity_;
    std::error_code error;
    for (const Other& other : count()) {
      if (fits(wanted)) break;
      if (fs::remove(other.path, error)) held_ -= other.bytes;
    }
  }
  if (!fits(bytes)) {
    say_full(
        fmt::format("{} is full ({:.3g} GiB held, {:.3g} allowed by "
                    "data.cache_gib, {:.3g} GiB free on the disk, of "
                    "which 1 is left for others)",
                    folder_.string(), held_ / kGib, capacity_ / kGib,
                    free_bytes(folder_) / kGib));
    return false;
  }
  held_ += bytes;
  pending_[entry.string()] = bytes;
  return true;
}

void CacheFolder::settle(const fs::path& entry) {
  const std::lock_guard lock(mutex_);
  pending_.erase(entry.string());
}

void CacheFolder::give_up(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  if (!full_) say_full(reason);
}

void CacheFolder::say_full(const std::string& reason) {
  full_ = true;
  log_warning(
      fmt::format("cache: {}: the other {} are decoded whenever they "
                  "are needed, which is slow",
                  reason, what_));
}

bool CacheFolder::fits(double bytes) const {
  return held_ >= 0 && held_ + bytes <= capacity_ &&
         free_bytes(folder_) >= bytes + kReserve;
}

/// Counts what the folder holds; what may be evicted, least recently used ones
/// first.
std::vector<CacheFolder::Other> CacheFolder::count() {
  // Other threads are writing these just now: on the disk they may be or not.
  held_ = 0;
  for (const auto& [path, bytes] : pending_) held_ += bytes;
  std::vector<Other> others;
  std::error_code error;
  const auto now = fs::file_time_type::clock::now();
  for (fs::recursive_directory_iterator file(folder_, error), end;
       !error && file != end; file.increment(error)) {
    std::error_code gone;
    if (!file->is_regular_file(gone)) continue;
    const auto bytes = static_cast<double>(file->file_size(gone));
    const auto used = file->last_write_time(gone);
    if (gone || pending_.contains(file->path().string())) continue;
    const bool part = file->path().extension() == ".part";
    const bool abandoned = part && now - used > std::chrono::hours(24);
    if (part && !abandoned) continue;  // pending here, or another's affair
    held_ += bytes;
    if (abandoned || (file->path().extension() == ".nii" &&
                      !kept_.contains(file->path().string()))) {
      others.push_back({used, bytes, file->path()});
    }
  }
  std::sort(others.begin(), others.end(),
            [](const Other& a, const Other& b) { return a.used < b.used; });
  return others;
}

}  // namespace unimiss::data
