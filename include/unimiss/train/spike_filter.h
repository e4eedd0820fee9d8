#pragma once

#include <torch/types.h>

#include <deque>
#include <map>
#include <string>

#include "unimiss/core/problems.h"

namespace unimiss::train {

struct SpikeOptions {
  double skip_spikes = 0;
  int64_t spike_window = 100;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("skip_spikes", self.skip_spikes,
          "a step whose loss or gradient norm lies more than so many standard "
          "deviations above the mean of those before it (of its kind) changes "
          "nothing; 0: all steps count",
          kMayChange);
    visit("spike_window", self.spike_window,
          "how many steps these are, in [10, 10000]; half of them come first",
          kMayChange);
  }
  /// Keys begin with their group, "optimizer", as in a configuration.
  void check(Problems& problems) const;
};

/// Finds steps whose loss or gradient norm stands out from those before them
/// (optimizer.skip_spikes). Steps of each kind are judged by their own; on all
/// processes alike, for it sees what all have averaged.
class SpikeFilter {
 public:
  explicit SpikeFilter(const SpikeOptions& options)
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
