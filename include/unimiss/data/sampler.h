#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace unimiss::data {

/// Consecutive samples of a dataset that came from one list.
struct SampleSource {
  int64_t samples = 0;
  /// Share of an epoch, relative to the other sources. 0 in all of them: every
  /// sample once an epoch.
  double weight = 0;
};

/// The order in which a dataset's samples are drawn, epoch after epoch: a pure
/// function of the seed.
///
/// An epoch has as many draws as there are samples. Without weights it is a
/// permutation of them. With weights each source gets its share of the draws,
/// rounded, and gives its own samples permutation after permutation; so no
/// sample of a source comes a second time before all others of it have come.
///
/// For one thread at a time.
class Sampler {
 public:
  /// One draw: `visit` counts how often the sample has been drawn before, so
  /// (visit, index) never repeats.
  struct Draw {
    int64_t index = 0;
    int64_t visit = 0;
    bool operator==(const Draw&) const = default;
  };

  /// `sources` cover the dataset in order. Throws ConfigError for no samples,
  /// for weights that are negative or given for some sources only, and for a
  /// share of less than one draw.
  Sampler(std::vector<SampleSource> sources, uint64_t seed);

  /// The draw at a place of the endless stream of epochs.
  Draw at(int64_t place);
  /// Releases what only places before this one need.
  void forget_before(int64_t place);

 private:
  std::vector<Draw> make_epoch(int64_t epoch) const;

  std::vector<SampleSource> sources_;
  std::vector<int64_t> draws_;  ///< of an epoch, by source; empty: unweighted
  uint64_t seed_;
  int64_t size_ = 0;
  std::map<int64_t, std::vector<Draw>> epochs_;
};

}  // namespace unimiss::data
