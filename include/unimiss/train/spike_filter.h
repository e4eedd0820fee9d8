#pragma once

#include <torch/types.h>

#include <deque>
#include <map>
#include <string>

#include "unimiss/train/optimizer.h"

namespace unimiss::train {

/// Finds steps whose loss or gradient norm stands out from those before them
/// (optimizer.skip_spikes). Steps of each kind are judged by their own; on all
/// processes alike, for it sees what all have averaged.
class SpikeFilter {
 public:
  explicit SpikeFilter(const OptimizerOptions& options)
      : threshold_(options.skip_spikes), window_(options.spike_window) {}

  bool active() const { return threshold_ > 0; }

  /// Whether a step of this kind is one; remembers it if it is not. After five
  /// in a row the next one is taken: the values are at another level now.
  bool is_spike(int64_t kind, double loss, double grad_norm);

  /// For a checkpoint: "<kind>" -> double [2, n], losses and norms that are
  /// remembered, and before them in each row the spikes in a row. Empty where
  /// the filter is not active.
  std::map<std::string, torch::Tensor> state() const;
  /// Of a state(); another window keeps what fits.
  void load_state(const std::map<std::string, torch::Tensor>& state);
  /// The most that state() takes.
  int64_t state_bytes() const;

 private:
  struct Kind {
    std::deque<double> losses, norms;
    int64_t in_a_row = 0;
  };
  bool stands_out(const std::deque<double>& before, double value) const;

  double threshold_;
  int64_t window_;
  std::map<int64_t, Kind> kinds_;
};

}  // namespace unimiss::train
