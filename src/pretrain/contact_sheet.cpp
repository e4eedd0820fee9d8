#include "unimiss/pretrain/contact_sheet.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include "unimiss/draw/figure.h"
#include "unimiss/io/durable_file.h"
#include "unimiss/io/image.h"

namespace unimiss::pretrain {
namespace {

/// Samples of each kind on the sheet.
constexpr int64_t kColumns = 6;

/// The picture of one view: an image as it is, a volume's middle slice.
torch::Tensor picture(const torch::Tensor& view) {
  const torch::Tensor image =
      view.dim() == 3 ? view : view.select(1, view.size(1) / 2);
  const double low = image.min().item<double>();
  const double high = image.max().item<double>();
  return ((image - low) / std::max(high - low, 1e-6)).contiguous();
}

void add_rows(std::vector<torch::Tensor>& rows, const augment::Views& batch,
              const std::string& kind) {
  if (!batch.first.defined()) return;
  draw::GridOptions grid;
  grid.title = kind + ": two views of each sample";
  std::vector<draw::Tile> tiles;
  const int64_t count = batch.first.size(0);
  for (int view = 1; view <= 2; ++view) {
    const torch::Tensor& views = view == 1 ? batch.first : batch.second;
    for (int64_t i = 0; i < count; ++i) {
      tiles.push_back(
          {picture(views[i]), fmt::format("sample {}, view {}", i + 1, view)});
    }
  }
  grid.columns = count;
  rows.push_back(draw::tile_images(tiles, grid));
}

}  // namespace

void ContactSheet::add_views(const augment::Views& batch) {
  augment::Views& kept = batch.first.dim() == 4 ? images_ : volumes_;
  const int64_t have = kept.first.defined() ? kept.first.size(0) : 0;
  const int64_t take = std::min(kColumns - have, batch.first.size(0));
  if (take <= 0) return;
  auto append = [&](torch::Tensor& views, const torch::Tensor& more) {
    const torch::Tensor taken = more.slice(0, 0, take).to(torch::kCPU);
    views = have > 0 ? at::cat({views, taken}) : taken.clone();
  };
  append(kept.first, batch.first);
  append(kept.second, batch.second);
}

void ContactSheet::Curve::add(int64_t step, double value) {
  steps.push_back(static_cast<double>(step));
  values.push_back(value);
}

void ContactSheet::add_term(const std::string& name, int64_t step,
                            double value) {
  terms_[name].add(step, value);
}

void ContactSheet::add_entropy(const std::string& phase, int64_t step,
                               double value) {
  entropies_[phase].add(step, value);
}

void ContactSheet::write(const std::string& path) const {
  std::vector<torch::Tensor> rows;
  add_rows(rows, images_, "X-rays");
  add_rows(rows, volumes_, "CT volumes (middle slice)");
  size_t points = 0;
  auto series_of = [&](const std::map<std::string, Curve>& curves) {
    std::vector<draw::Series> series;
    for (const auto& [name, curve] : curves) {
      series.push_back({name, curve.steps, curve.values});
      points = std::max(points, curve.steps.size());
    }
    return series;
  };
  const auto terms = series_of(terms_), entropies = series_of(entropies_);
  draw::ChartOptions chart;
  chart.x_label = "optimizer step";
  chart.smoothing = std::max<int64_t>(1, static_cast<int64_t>(points) / 20) | 1;
  chart.title = "Loss terms";
  rows.push_back(draw::draw_curves(terms, chart));
  chart.title = "Entropy of the teacher's targets, nats";
  chart.height = 240;
  rows.push_back(draw::draw_curves(entropies, chart));
  io::write_durably(path, io::encode_png(draw::stack_vertically(rows)));
}

}  // namespace unimiss::pretrain
