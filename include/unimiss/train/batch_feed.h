#pragma once

#include <c10/core/Event.h>
#include <torch/types.h>

#include <optional>

#include "unimiss/augment/sample.h"
#include "unimiss/data/loader.h"

namespace unimiss::train {

/// Batches on their way to the device: the copy of the next one runs beside the
/// work of the present one, from page-locked memory on a stream of its own.
class BatchFeed {
 public:
  /// The next batch of a loader, on the device.
  augment::Sample next(data::Loader& loader, torch::Device device);
  /// Begins to copy the next batch of a loader, if it is prepared already; it
  /// must be the one that is asked for next.
  void prefetch(data::Loader& loader, torch::Device device);
  /// The number of the batch that next() returns.
  int64_t position(const data::Loader& loader) const;
  /// The batches that wait for next().
  int64_t ready(const data::Loader& loader) const;

 private:
  struct Ahead {
    const data::Loader* loader;
    augment::Sample host, copy;
    std::optional<c10::Event> copied;  ///< none on a CPU
  };
  std::optional<Ahead> ahead_;
  std::optional<c10::Stream> beside_;  ///< for copies; none on a CPU
};

}  // namespace unimiss::train
