#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

namespace unimiss::data {

/// Holds a lock that other threads and processes respect.
class FileLock {
 public:
  explicit FileLock(const std::filesystem::path& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int file_;
};

/// The folder of a cache and how much it may hold. Several processes may use it
/// at once.
class CacheFolder {
 public:
  /// `what` names the sources in messages. Throws DataError where the folder
  /// cannot be made.
  CacheFolder(const std::string& folder, double gib, std::string what);

  /// Where the entry of this name lies. It is never evicted by this process.
  std::filesystem::path keep(const std::string& name);

  /// Whether an entry of so many bytes may be written. Evicts entries that are
  /// not kept, and parts that killed processes left, for it. Once it is not, it
  /// never is again; that is said once.
  bool make_room(const std::filesystem::path& entry, double bytes);
  /// What make_room was asked for has been written, or never will be.
  void settle(const std::filesystem::path& entry);
  /// Says, once, why nothing can be written; there is no room from now on.
  void give_up(const std::string& reason);

 private:
  struct Other {
    std::filesystem::file_time_type used;
    double bytes;
    std::filesystem::path path;
  };
  bool fits(double bytes) const;
  std::vector<Other> count();
  void say_full(const std::string& reason);

  const std::filesystem::path folder_;
  const double capacity_;  ///< bytes
  const std::string what_;
  std::unordered_set<std::string> kept_;
  std::mutex mutex_;                       ///< guards what follows
  double held_ = -1;                       ///< bytes; -1: not counted yet
  std::map<std::string, double> pending_;  ///< bytes of entries being written
  bool full_ = false;
};

}  // namespace unimiss::data
