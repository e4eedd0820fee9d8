#include "unimiss/train/spike_filter.h"

#include <ATen/Functions.h>

#include <cmath>
#include <numeric>

namespace unimiss::train {

namespace {

constexpr int64_t kMostInARow = 5;

}  // namespace

void SpikeOptions::check(Problems& problems) const {
  problems.in_range(skip_spikes, at_least(0), "optimizer.skip_spikes",
                    "write 0 for no skipping");
  problems.in_range(spike_window, between(10, 10000), "optimizer.spike_window");
}

bool SpikeFilter::stands_out(const std::deque<double>& before,
                             double value) const {
  const auto count = static_cast<double>(before.size());
  if (count < static_cast<double>(window_) / 2) return false;
  const double mean =
      std::accumulate(before.begin(), before.end(), 0.0) / count;
  double square = 0;
  for (const double each : before) square += (each - mean) * (each - mean);
  const double deviation = std::sqrt(square / count);
  return value > mean + threshold_ * deviation;
}

bool SpikeFilter::is_spike(int64_t kind, double loss, double grad_norm) {
  if (!active()) return false;
  Kind& of = kinds_[kind];
  const bool spike =
      of.in_a_row < kMostInARow &&
      (stands_out(of.losses, loss) || stands_out(of.norms, grad_norm));
  if (spike) {
    ++of.in_a_row;
    return true;
  }
  // After so many in a row what was before says nothing any more.
  if (of.in_a_row == kMostInARow) of = {};
  of.in_a_row = 0;
  of.losses.push_back(loss);
  of.norms.push_back(grad_norm);
  while (static_cast<int64_t>(of.losses.size()) > window_) {
    of.losses.pop_front();
    of.norms.pop_front();
  }
  return false;
}

std::map<std::string, torch::Tensor> SpikeFilter::state() const {
  std::map<std::string, torch::Tensor> state;
  for (const auto& [kind, of] : kinds_) {
    const auto row = [in_a_row = of.in_a_row](const std::deque<double>& from) {
      std::vector<double> values{static_cast<double>(in_a_row)};
      values.insert(values.end(), from.begin(), from.end());
      return at::tensor(values, torch::kDouble);
    };
    state[std::to_string(kind)] = at::stack({row(of.losses), row(of.norms)});
  }
  return state;
}

void SpikeFilter::load_state(
    const std::map<std::string, torch::Tensor>& state) {
  kinds_.clear();
  if (!active()) return;
  for (const auto& [name, tensor] : state) {
    TORCH_CHECK(tensor.dim() == 2 && tensor.size(0) == 2 && tensor.size(1) >= 1,
                "the state of the spikes has the shape ", tensor.sizes());
    Kind& of = kinds_[std::stoll(name)];
    of.in_a_row = tensor[0][0].item<int64_t>();
    const int64_t begin = std::max<int64_t>(1, tensor.size(1) - window_);
    for (int64_t i = begin; i < tensor.size(1); ++i) {
      of.losses.push_back(tensor[0][i].item<double>());
      of.norms.push_back(tensor[1][i].item<double>());
    }
  }
}

int64_t SpikeFilter::state_bytes() const {
  constexpr int64_t kKinds = 2, kRows = 2;
  return active() ? kKinds * kRows * (window_ + 1) *
                        static_cast<int64_t>(sizeof(double))
                  : 0;
}

}  // namespace unimiss::train
