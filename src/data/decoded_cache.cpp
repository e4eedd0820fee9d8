#include "unimiss/data/decoded_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "data/cache_folder.h"
#include "unimiss/augment/stage_times.h"
#include "unimiss/core/error.h"
#include "unimiss/core/log.h"
#include "unimiss/core/random.h"
#include "unimiss/core/stopwatch.h"
#include "unimiss/io/mapped_volume.h"
#include "unimiss/io/volume.h"

namespace unimiss::data {
namespace {

namespace fs = std::filesystem;

/// What distinguishes this version of a source from another: the sizes and
/// times of all its files.
std::string identity(const std::string& path) {
  std::error_code error;
  std::string text = fs::weakly_canonical(path, error).string();
  for (const std::string& file : io::volume_files(path)) {
    const auto size = fs::file_size(file, error);
    const auto changed =
        error ? fs::file_time_type() : fs::last_write_time(file, error);
    if (error) throw DataError(file, "cannot be examined: " + error.message());
    text += fmt::format("\n{} {} {}", fs::path(file).filename().string(), size,
                        changed.time_since_epoch().count());
  }
  return text;
}

/// Says how far a long piece of work is, every ten seconds.
class ProgressReport {
 public:
  ProgressReport(std::string what, int64_t total)
      : what_(std::move(what)), total_(total) {}

  void add(bool made) {
    const std::lock_guard lock(mutex_);
    ++done_;
    made_ += made ? 1 : 0;
    const double elapsed = last_.seconds();
    if (elapsed < 10) return;
    // Of the last seconds: what is there already goes by much faster.
    const double rate = static_cast<double>(done_ - reported_) / elapsed;
    last_.restart();
    reported_ = done_;
    log_info(fmt::format(
        "cache: {} of {} {} ({} decoded), {:.1f} a second, about {:.0f} s left",
        done_, total_, what_, made_, rate,
        static_cast<double>(total_ - done_) / rate));
  }
  void finish(size_t bad) const {
    log_info(
        fmt::format("cache: {} {}, {} of them decoded now, {} unusable, in "
                    "{:.1f} s",
                    done_, what_, made_, bad, whole_.seconds()));
  }

 private:
  const std::string what_;
  const int64_t total_;
  const Stopwatch whole_;
  std::mutex mutex_;
  Stopwatch last_;  ///< since the last message
  int64_t done_ = 0, made_ = 0, reported_ = 0;
};

}  // namespace

class DecodedCache::Implementation {
 public:
  Implementation(std::vector<std::string> sources,
                 const std::string& parameters, Decode decode,
                 const DecodedCacheOptions& options, std::string what,
                 const std::vector<std::vector<std::string>>& further)
      : sources_(std::move(sources)),
        decode_(std::move(decode)),
        what_(std::move(what)),
        folder_(options.folder, options.gib, what_),
        checked_(sources_.size()) {
    for (size_t i = 0; i < sources_.size(); ++i) {
      std::string version;
      try {
        version = identity(sources_[i]);
        if (!further.empty()) {
          for (const auto& file : further[i]) {
            version.append("\n").append(identity(file));
          }
        }
      } catch (const std::exception& failure) {
        // Told by get() and fill(), like any other source that is no good.
        unusable_[static_cast<int64_t>(entries_.size())] = failure.what();
      }
      const std::string key = fmt::format("{}\n{}", version, parameters);
      // Two independent words of 64 bits: no two keys will ever agree.
      const std::string name = fmt::format("{:016x}{:016x}.nii", fnv1a64(key),
                                           splitmix64(fnv1a64("2" + key)));
      entries_.push_back(folder_.keep(name));
    }
  }

  int64_t size() const { return static_cast<int64_t>(sources_.size()); }
  const std::string& source(int64_t number) const { return sources_[number]; }

  Decoded get(int64_t number, bool* made = nullptr) {
    if (const auto found = unusable_.find(number); found != unusable_.end()) {
      throw DataError(sources_[number], found->second);
    }
    Decoded entry_voxels = mapped(number, check_of(number));
    if (entry_voxels.voxels.defined()) return entry_voxels;
    const fs::path& entry = entries_[number];
    std::error_code error;
    fs::create_directories(entry.parent_path(), error);
    const FileLock lock(entry.parent_path() / ".lock");
    // Another thread or process may have made it meanwhile.
    entry_voxels = mapped(number, check_of(number));
    if (entry_voxels.voxels.defined()) return entry_voxels;
    const Decoded decoded = [&] {
      const augment::StageTimer timer(augment::Stage::kDecode);
      return decode_(sources_[number]);
    }();
    if (made != nullptr) *made = true;
    for (const int64_t extent : decoded.voxels.sizes()) {
      if (extent > io::kMaxMappedExtent) {
        throw DataError(
            sources_[number],
            fmt::format("would have {} voxels along an axis (at most {} are "
                        "possible); check its spacing, or cut it",
                        extent, io::kMaxMappedExtent));
      }
    }
    store(number, decoded);
    entry_voxels = mapped(number, check_of(number));
    return entry_voxels.voxels.defined() ? entry_voxels : decoded;
  }

  std::vector<BadSource> fill(int64_t workers, double begin) {
    const auto shift =
        static_cast<int64_t>(begin * static_cast<double>(size()));
    std::atomic<int64_t> next{0};
    std::mutex mutex;
    std::vector<BadSource> bad;
    std::exception_ptr failure;
    ProgressReport progress(what_, size());
    auto work = [&] {
      for (int64_t at; (at = next++) < size();) {
        const int64_t i = (at + shift) % size();
        bool made = false;
        try {
          // Their voxels are checked when they are first used: a large cache
          // takes long to read.
          const Decoded there = mapped(i, io::MappedCheck::kHeader);
          if (!there.voxels.defined()) get(i, &made);
          std::error_code ignored;
          fs::last_write_time(entries_[i], fs::file_time_type::clock::now(),
                              ignored);
        } catch (const DataError& error) {
          const std::lock_guard lock(mutex);
          bad.push_back({i, error.what()});
        } catch (const std::exception& error) {
          // No damage of the file: memory ran out, or the like.
          const std::lock_guard lock(mutex);
          failure = std::make_exception_ptr(
              RunError(fmt::format("{}: decoding failed ({}); fewer "
                                   "data.workers need less memory",
                                   sources_[i], error.what())));
          next = size();
        }
        progress.add(made);
      }
    };
    {
      std::vector<std::jthread> threads;
      for (int64_t i = 1; i < workers; ++i) threads.emplace_back(work);
      work();
    }
    if (failure) std::rethrow_exception(failure);
    progress.finish(bad.size());
    std::sort(bad.begin(), bad.end(),
              [](const auto& a, const auto& b) { return a.source < b.source; });
    return bad;
  }

 private:
  /// The checksum is looked at once a process.
  io::MappedCheck check_of(int64_t number) const {
    return checked_[number] ? io::MappedCheck::kHeader
                            : io::MappedCheck::kVoxels;
  }

  /// The entry if it is there and sound; a damaged one is deleted.
  Decoded mapped(int64_t number, io::MappedCheck check) {
    const augment::StageTimer timer(augment::Stage::kCheck);
    const std::string path = entries_[number].string();
    std::error_code error;
    if (!fs::exists(path, error)) return {};
    try {
      io::MappedVolume volume = io::map_volume(path, check);
      if (check == io::MappedCheck::kVoxels) checked_[number] = true;
      return {std::move(volume.voxels), volume.spacing};
    } catch (const DataError& damage) {
      log_warning(fmt::format("{}; {} is decoded again", damage.what(),
                              sources_[number]));
      fs::remove(path, error);
      return {};
    } catch (const Error&) {
      // Another process may have evicted it just now.
      if (!fs::exists(path, error)) return {};
      throw;
    }
  }

  /// Writes an entry where there is room, and a right to.
  void store(int64_t number, const Decoded& decoded) {
    const augment::StageTimer timer(augment::Stage::kStore);
    const fs::path& entry = entries_[number];
    if (!folder_.make_room(entry,
                           static_cast<double>(io::kMappedHeaderBytes +
                                               decoded.voxels.nbytes()))) {
      return;
    }
    try {
      io::write_mapped_volume(entry.string(), decoded.voxels, decoded.spacing);
      checked_[number] = true;
    } catch (const DataError& error) {
      folder_.give_up(error.what());  // not the source's fault
    }
    folder_.settle(entry);
  }

  const std::vector<std::string> sources_;
  const Decode decode_;
  const std::string what_;
  CacheFolder folder_;
  std::vector<fs::path> entries_;
  std::map<int64_t, std::string> unusable_;  ///< sources, and why
  std::vector<std::atomic<bool>> checked_;   ///< the checksum, by this process
};

DecodedCache::DecodedCache(std::vector<std::string> sources,
                           const std::string& parameters, Decode decode,
                           const DecodedCacheOptions& options, std::string what,
                           const std::vector<std::vector<std::string>>& further)
    : implementation_(std::make_unique<Implementation>(
          std::move(sources), parameters, std::move(decode), options,
          std::move(what), further)) {}

DecodedCache::~DecodedCache() = default;

int64_t DecodedCache::size() const { return implementation_->size(); }

const std::string& DecodedCache::source(int64_t number) const {
  return implementation_->source(number);
}

Decoded DecodedCache::decoded(int64_t number) const {
  TORCH_CHECK(number >= 0 && number < size(), "no source ", number);
  return implementation_->get(number);
}

std::vector<BadSource> DecodedCache::fill(int64_t workers, double begin) const {
  return implementation_->fill(workers, begin);
}

SourceSelection select_sources(const DecodedCache& cache,
                               const std::string& key, int64_t workers,
                               OnError on_error, int64_t max_bad,
                               double begin) {
  SourceSelection selection{{}, cache.fill(workers, begin)};
  const auto bad = static_cast<int64_t>(selection.left_out.size());
  const int64_t allowed = on_error == OnError::kSkip ? max_bad : 0;
  if (bad > allowed || bad == cache.size()) {
    constexpr int64_t kShown = 20;
    std::string text = fmt::format(
        "{} of its {} files cannot be used ({}); correct them, take them off "
        "the list, or leave up to data.max_bad out with data.on_error=skip:",
        bad, cache.size(),
        allowed == 0 ? "none may be left out"
                     : fmt::format("data.max_bad allows {}", allowed));
    for (int64_t i = 0; i < std::min(bad, kShown); ++i) {
      text += "\n  " + selection.left_out[i].reason;
    }
    if (bad > kShown) text += fmt::format("\n  and {} more", bad - kShown);
    throw DataError(key, text);
  }
  for (const BadSource& source : selection.left_out) {
    log_warning("left out: " + source.reason);
  }
  size_t next_bad = 0;
  for (int64_t i = 0; i < cache.size(); ++i) {
    if (next_bad < selection.left_out.size() &&
        selection.left_out[next_bad].source == i) {
      ++next_bad;
    } else {
      selection.usable.push_back(i);
    }
  }
  return selection;
}

}  // namespace unimiss::data
