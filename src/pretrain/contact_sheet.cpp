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

void add_rows(std::vector<torch::Tensor>& rows, const augment::Sample& batch,
              const std::string& kind) {
  if (batch.images.empty()) return;
  draw::GridOptions grid;
  grid.title = kind + ": two views of each sample";
  std::vector<draw::Tile> tiles;
  const int64_t count = augment::rows_of(batch);
  for (size_t view = 0; view < batch.images.size(); ++view) {
    for (int64_t i = 0; i < count; ++i) {
      tiles.push_back({picture(batch.images[view][i]),
                       fmt::format("sample {}, view {}", i + 1, view + 1)});
    }
  }
  grid.columns = count;
  rows.push_back(draw::tile_images(tiles, grid));
}

}  // namespace

void ContactSheet::add_views(const augment::Sample& batch) {
  augment::Sample& kept = batch.images.at(0).dim() == 4 ? images_ : volumes_;
  const int64_t have = kept.images.empty() ? 0 : augment::rows_of(kept);
  const int64_t take = std::min(kColumns - have, augment::rows_of(batch));
  if (take <= 0) return;
  kept.images.resize(batch.images.size());
  for (size_t view = 0; view < batch.images.size(); ++view) {
    const torch::Tensor taken =
        batch.images[view].slice(0, 0, take).to(torch::kCPU);
    torch::Tensor& views = kept.images[view];
    views = have > 0 ? at::cat({views, taken}) : taken.clone();
  }
}

void ContactSheet::write(const std::string& path, const Curves& terms,
                         const Curves& entropies) const {
  std::vector<torch::Tensor> rows;
  add_rows(rows, images_, "X-rays");
  add_rows(rows, volumes_, "CT volumes (middle slice)");
  size_t points = 0;
  auto series_of = [&](const Curves& curves) {
    std::vector<draw::Series> series;
    for (const auto& [name, curve] : curves) {
      series.push_back({name, curve.steps, curve.values});
      points = std::max(points, curve.steps.size());
    }
    return series;
  };
  const auto of_terms = series_of(terms), of_entropies = series_of(entropies);
  draw::ChartOptions chart;
  chart.x_label = "optimizer step";
  chart.smoothing = std::max<int64_t>(1, static_cast<int64_t>(points) / 20) | 1;
  chart.title = "Loss terms";
  rows.push_back(draw::draw_curves(of_terms, chart));
  chart.title = "Entropy of the teacher's targets, nats";
  chart.height = 240;
  rows.push_back(draw::draw_curves(of_entropies, chart));
  io::write_durably(path, io::encode_png(draw::stack_vertically(rows)));
}

}  // namespace unimiss::pretrain
