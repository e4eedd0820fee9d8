#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "unimiss/core/fields.h"

namespace unimiss::data {

/// A decoded source: integer voxels [D, H, W] (or planes [C, H, W]) and the mm
/// between them.
struct Decoded {
  torch::Tensor voxels;
  std::array<double, 3> spacing{1, 1, 1};
};

struct DecodedCacheOptions {
  std::string folder;  ///< made where it is missing; shared by runs
  double gib = 500;    ///< largest size of the folder
};

/// A source that could not be decoded.
struct BadSource {
  int64_t source;  ///< its number
  std::string reason;
};

/// Files decoded, oriented and resampled once, kept on disk as mapped volumes
/// (io/mapped_volume.h) for all later runs and all processes.
///
/// An entry is named by its source's path, size and time of change and by the
/// `parameters` that shaped it: a changed file or another spacing is another
/// entry. Entries appear whole or not at all, so building may be interrupted at
/// any moment and goes on where it was. An entry is checked against its
/// checksum when a process first uses it; a damaged one is made again.
///
/// Where the folder would outgrow its limit, or the disk its space, entries
/// that this cache's sources do not use leave first, least recently used ones
/// before others. When that is not enough, or nothing can be written, the
/// remaining sources are decoded each time they are asked for: correct, but
/// slow, and said once.
///
/// All functions may be called by several threads at once.
class DecodedCache {
 public:
  /// Makes the decoded form of a file; throws DataError naming it.
  using Decode = std::function<Decoded(const std::string& path)>;

  /// `what` names the sources in messages ("volumes"). `further`: for each
  /// source the other files that its entry is made of, where there are any.
  /// Throws DataError for a folder that cannot be made.
  DecodedCache(std::vector<std::string> sources, const std::string& parameters,
               Decode decode, const DecodedCacheOptions& options,
               std::string what,
               const std::vector<std::vector<std::string>>& further = {});
  ~DecodedCache();

  int64_t size() const;
  const std::string& source(int64_t number) const;

  /// The decoded form of a source: on the mapped entry, read it only.
  Decoded decoded(int64_t number) const;
  /// Its voxels alone.
  torch::Tensor get(int64_t number) const { return decoded(number).voxels; }

  /// Makes all entries that are missing with `workers` threads (at least one);
  /// of the others only the headers are looked at. Says how far it is and how
  /// long it will take. begin: share of the sources that come last, so that
  /// several processes decode different ones.
  /// Returns the sources that cannot be decoded, in order. Throws RunError for
  /// what is no source's fault.
  std::vector<BadSource> fill(int64_t workers, double begin = 0) const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

/// What becomes of sources that cannot be decoded.
enum class OnError {
  kStop,  ///< they end the run before it begins
  kSkip,  ///< they are left out, up to a number
};

/// The sources of a filled cache that can be used, and the others.
struct SourceSelection {
  std::vector<int64_t> usable;
  std::vector<BadSource> left_out;
};

/// Fills a cache and selects. Throws DataError that lists every bad source with
/// its reason: with kStop where there is one, with kSkip where there are more
/// than `max_bad` or nothing else. `key` (data.images) begins the message;
/// begin: as of fill().
SourceSelection select_sources(const DecodedCache& cache,
                               const std::string& key, int64_t workers,
                               OnError on_error, int64_t max_bad,
                               double begin = 0);

}  // namespace unimiss::data

template <>
struct unimiss::EnumNames<unimiss::data::OnError> {
  static constexpr std::array kNames{
      std::pair{unimiss::data::OnError::kStop, "stop"},
      std::pair{unimiss::data::OnError::kSkip, "skip"}};
};
