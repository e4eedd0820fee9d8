#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "unimiss/augment/sample.h"
#include "unimiss/core/problems.h"
#include "unimiss/data/dataset.h"
#include "unimiss/data/sampler.h"

namespace unimiss::data {

/// More threads than any machine has cores for.
inline constexpr int64_t kMaxWorkers = 1024;
/// More batches than any memory holds.
inline constexpr int64_t kMaxQueueBatches = 1024;

struct LoaderOptions {
  int64_t batch_size = 1;     ///< global: the sum over all processes
  int64_t workers = 2;        ///< threads; 0 prepares batches inside of next()
  int64_t queue_batches = 2;  ///< batches prepared ahead
  uint64_t seed = 0;
  /// The lists behind the dataset, in its order; empty: one, unweighted.
  std::vector<SampleSource> sources;
  bool pin_memory = false;  ///< page-locked batches, for fast copies to a GPU
  int64_t rank = 0;         ///< of this process
  int64_t world = 1;        ///< processes that share each batch
  /// The batch is used in so many consecutive parts, each of which is shared.
  int64_t parts = 1;
  /// After so many seconds of waiting for a batch its next() gives up; 0: it
  /// waits for ever. Without workers it does.
  double stall_seconds = 0;

  void check(Problems& problems) const;
};

/// An endless stream of batches, prepared ahead by worker threads.
///
/// The draws of a Sampler, epoch after epoch, form one stream; global batch n
/// is its samples [n B, (n + 1) B), so nothing is dropped and a batch may span
/// two epochs. Process r of R gets the r-th of R equal consecutive shares of
/// each part, one after another. A sample draws from Random({seed, visit,
/// index}), with the visit of its draw (without weights: the epoch). Batch n is
/// therefore the same for any number of workers, and after seek(n).
///
/// For one consumer thread. Destruction waits for the samples in progress; with
/// stall_seconds not for ever: threads of samples that do not come are
/// abandoned then.
class Loader {
 public:
  /// Throws ConfigError for options that cannot be met.
  Loader(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options);
  ~Loader();

  /// This process's part of batch position(), B/R samples; advances.
  /// What a worker threw is thrown here, and again until seek() moves on: a
  /// DataError that names the sample, its file, the stage and the reason. Says
  /// so, once a minute, where it waits long; throws a RunError naming sample,
  /// file and stage after stall_seconds.
  augment::Sample next();
  /// The batches that are complete and wait for next(): 0 while training waits
  /// for data.
  int64_t ready() const;
  /// Whether next() returns at once, with a batch.
  bool next_is_ready() const;
  /// The number of the batch that next() returns.
  int64_t position() const;
  /// This process's samples of any batch, each "index (visit v): file".
  std::vector<std::string> samples_of(int64_t batch) const;
  /// Continues with another batch; what was prepared ahead is dropped.
  void seek(int64_t batch);

 private:
  class Implementation;
  std::shared_ptr<Implementation> implementation_;
};

}  // namespace unimiss::data
