#include "unimiss/eval/segmentation_metrics.h"

#include <limits>
#include <utility>

#include "eval/paired_maps.h"

namespace unimiss::eval {
namespace {

/// True negatives are what is left of all voxels.
std::vector<OverlapCounts> with_true_negatives(
    std::vector<OverlapCounts> counts, int64_t voxels) {
  for (OverlapCounts& c : counts) {
    c.true_negative =
        voxels - c.true_positive - c.false_positive - c.false_negative;
  }
  return counts;
}

std::optional<double> share(int64_t part, int64_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

std::optional<double> dice(const OverlapCounts& counts) {
  return share(2 * counts.true_positive, counts.n_pred() + counts.n_ref());
}

std::optional<double> iou(const OverlapCounts& counts) {
  return share(counts.true_positive, counts.n_pred() + counts.false_negative);
}

std::optional<double> ClassVolumes::relative_difference() const {
  if (reference > 0) return difference() / reference;
  if (prediction > 0) return std::numeric_limits<double>::infinity();
  return std::nullopt;
}

ClassVolumes class_volumes(const OverlapCounts& counts,
                           const std::vector<double>& spacing) {
  require_spacing(spacing);
  double voxel = 1;
  for (const double mm : spacing) voxel *= mm;
  return {static_cast<double>(counts.n_pred()) * voxel,
          static_cast<double>(counts.n_ref()) * voxel};
}

std::vector<OverlapCounts> class_overlap(const torch::Tensor& prediction,
                                         const torch::Tensor& reference,
                                         int64_t classes) {
  TORCH_CHECK(classes >= 1, classes, " classes");
  // The background is counted like the others, then dropped.
  std::vector<OverlapCounts> counts(classes);
  const auto count = [&](int16_t p, int16_t r, int64_t first, int64_t last) {
    const int64_t n = last - first;
    require_known("prediction", p, classes, "classes");
    require_known("reference", r, classes, "classes");
    if (p == r) {
      counts[p].true_positive += n;
    } else {
      counts[p].false_positive += n;
      counts[r].false_negative += n;
    }
  };
  for_each_run(prediction, reference, count);
  counts.erase(counts.begin());
  return with_true_negatives(std::move(counts), prediction.numel());
}

std::vector<OverlapCounts> structure_overlap(const torch::Tensor& prediction,
                                             const torch::Tensor& reference,
                                             int64_t structures) {
  TORCH_CHECK(structures >= 1 && structures <= 15, structures, " structures");
  const int64_t end = int64_t{1} << structures;
  std::vector<OverlapCounts> counts(structures);
  const auto count = [&](int16_t p, int16_t r, int64_t first, int64_t last) {
    const int64_t n = last - first;
    require_known("prediction", p, end, "sets of structures");
    require_known("reference", r, end, "sets of structures");
    for (int64_t k = 0; k < structures; ++k) {
      const bool predicted = (p >> k & 1) != 0, expected = (r >> k & 1) != 0;
      if (predicted && expected) counts[k].true_positive += n;
      if (predicted && !expected) counts[k].false_positive += n;
      if (!predicted && expected) counts[k].false_negative += n;
    }
  };
  for_each_run(prediction, reference, count);
  return with_true_negatives(std::move(counts), prediction.numel());
}

std::vector<OverlapCounts> map_overlap(const torch::Tensor& prediction,
                                       const torch::Tensor& reference,
                                       int64_t classes,
                                       ClassRelation relation) {
  return relation == ClassRelation::kExclusive
             ? class_overlap(prediction, reference, classes)
             : structure_overlap(prediction, reference, classes);
}

}  // namespace unimiss::eval
