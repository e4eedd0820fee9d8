#include "finetune/history.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "unimiss/draw/overlay.h"
#include "unimiss/io/durable_file.h"
#include "unimiss/io/image.h"

namespace unimiss::finetune {
namespace {

/// Samples of a batch that are shown.
constexpr int64_t kShown = 6;
/// Curves in one chart whose colours can be told apart.
constexpr size_t kMostCurves = 8;

/// [3, H, W] in [0, 1]: up to three channels as colours, else the first.
torch::Tensor as_colors(const torch::Tensor& image) {
  const torch::Tensor shown =
      image.size(0) == 3 ? image : image[0].unsqueeze(0).expand({3, -1, -1});
  const torch::Tensor low = shown.min(), high = shown.max();
  return (shown - low) / (high - low).clamp_min(1e-6);
}

std::string label_text(const torch::Tensor& target,
                       const std::vector<std::string>& classes) {
  if (target.dim() == 0) return classes.at(target.item<int64_t>());
  std::string text;
  for (int64_t k = 0; k < target.size(0); ++k) {
    if (target[k].item<float>() < 0.5f) continue;
    text += (text.empty() ? "" : ", ") + classes.at(k);
  }
  return text.empty() ? "none" : text;
}

/// A map has its labels drawn, classes are told in words.
draw::Tile tile_of(const torch::Tensor& sample, const torch::Tensor& target,
                   const task::TaskSpec& spec) {
  const bool segmentation = spec.target.is_segmentation();
  torch::Tensor image = sample, labels = target;
  std::string caption;
  if (spec.rank() == 3) {
    const int64_t slice =
        segmentation ? draw::fullest_slice(target) : sample.size(1) / 2;
    image = sample.select(1, slice);
    if (segmentation) labels = target[slice];
    caption = fmt::format("slice {} ", slice);
  }
  torch::Tensor colors = as_colors(image).contiguous().clone();
  draw::overlay_masks(colors, spec.foreground_masks(labels));
  if (!segmentation) caption += label_text(target, spec.classes);
  return {colors, caption};
}

}  // namespace

torch::Tensor draw_samples(const std::vector<augment::Sample>& batches,
                           const task::TaskSpec& spec) {
  std::vector<draw::Tile> tiles;
  for (const augment::Sample& batch : batches) {
    const int64_t count = std::min(kShown, augment::rows_of(batch));
    for (int64_t i = 0; i < count; ++i) {
      tiles.push_back(tile_of(batch.images.at(0)[i], batch.target[i], spec));
    }
  }
  const auto colored = spec.foreground();
  draw::GridOptions grid;
  grid.title = colored.empty() ? "Training samples and their classes"
                               : "Training samples, their labels in colours";
  grid.columns = std::min(
      kShown, std::max<int64_t>(1, static_cast<int64_t>(tiles.size())));
  const torch::Tensor picture = draw::tile_images(tiles, grid);
  return colored.empty() ? picture : draw::with_legend(picture, colored);
}

History::History(const task::TaskSpec& spec, int64_t steps_per_epoch)
    : spec_(spec), steps_per_epoch_(static_cast<double>(steps_per_epoch)) {}

void History::Curve::add(double at, double value) {
  x.push_back(at);
  y.push_back(value);
}

double History::epoch_of(int64_t step) const {
  return static_cast<double>(step) / steps_per_epoch_;
}

void History::add(const train::StepRecord& record) {
  steps_ = record.step;
  samples_ += record.samples;
  all_seconds_ += record.seconds;
  processes_.add(record);
  wait_seconds_ += record.wait_seconds;
  peak_memory_mb_ = std::max(peak_memory_mb_, record.peak_memory_mb);
  const double epoch = epoch_of(record.step);
  if (std::isfinite(record.loss)) loss_.add(epoch, record.loss);
  rate_.add(epoch, record.lr);
  epoch_seconds_ += record.seconds;
  if (std::fmod(epoch, 1.0) == 0) {
    seconds_.add(epoch, std::exchange(epoch_seconds_, 0));
  }
}

void History::add_other(const train::Metrics& record) {
  int64_t step = 0;
  for (const auto& [key, value] : record) {
    if (key == "step") step = std::get<int64_t>(value);
  }
  for (const auto& [key, value] : record) {
    const auto* number = std::get_if<double>(&value);
    const bool score = key.starts_with("dice") || key.starts_with("auc") ||
                       key.starts_with("accuracy");
    if (score && number != nullptr) scores_[key].add(epoch_of(step), *number);
  }
}

void History::add_batch(const augment::Sample& batch) {
  if (batches_.size() >= 2) return;
  batches_.push_back(augment::map_tensors(
      batch, [](const torch::Tensor& tensor) { return tensor.cpu().clone(); }));
}

void History::write_picture(const std::string& path) const {
  std::vector<torch::Tensor> rows;
  if (!batches_.empty()) {
    rows.push_back(draw_samples(batches_, spec_));
  }
  draw::ChartOptions chart;
  chart.x_label = "epoch";
  chart.height = 300;
  const auto draw = [&](const char* title,
                        const std::vector<draw::Series>& series) {
    chart.title = title;
    rows.push_back(draw::draw_curves(series, chart));
  };
  chart.smoothing =
      std::max<int64_t>(1, static_cast<int64_t>(loss_.x.size()) / 50) | 1;
  draw("Training loss", {{"loss", loss_.x, loss_.y}});
  chart.smoothing = 1;
  std::vector<draw::Series> scores;
  for (const auto& [name, curve] : scores_) {
    // Of many classes only the mean; the others are in metrics.jsonl.
    const bool mean = !name.starts_with("dice_") || name == "dice_average";
    if (mean || scores_.size() <= kMostCurves) {
      scores.push_back({name, curve.x, curve.y});
    }
  }
  if (!scores.empty()) draw("Validation", scores);
  chart.height = 200;
  draw("Learning rate", {{"lr", rate_.x, rate_.y}});
  if (!seconds_.x.empty()) {
    draw("Seconds of training an epoch", {{"seconds", seconds_.x, seconds_.y}});
  }
  io::write_durably(path, io::encode_png(draw::stack_vertically(rows)));
}

void History::describe(Summary& summary) const {
  summary.steps = steps_;
  summary.seconds = all_seconds_;
  summary.samples_per_second =
      static_cast<double>(samples_) / std::max(all_seconds_, 1e-9);
  summary.processes = processes_.describe();
  summary.data_wait = wait_seconds_ / std::max(all_seconds_, 1e-9);
  summary.peak_memory_mb = peak_memory_mb_;
}

}  // namespace unimiss::finetune
