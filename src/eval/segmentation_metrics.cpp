#include "unimiss/eval/segmentation_metrics.h"

#include <sstream>
#include <string>
#include <utility>

#include "unimiss/core/error.h"

namespace unimiss::eval {
namespace {

/// Calls use(prediction, reference, voxels) for each run of voxels that have
/// the same pair of values: maps are smooth, so runs are long and what is done
/// for each costs little.
template <class Use>
void for_each_run(const torch::Tensor& prediction,
                  const torch::Tensor& reference, const Use& use) {
  TORCH_CHECK(prediction.scalar_type() == torch::kShort &&
                  reference.scalar_type() == torch::kShort &&
                  prediction.is_cpu() && reference.is_cpu(),
              "expected int16 maps on the CPU, got ", prediction.toString(),
              " and ", reference.toString());
  if (prediction.sizes() != reference.sizes()) {
    std::ostringstream text;
    text << "reference: is of size " << reference.sizes()
         << ", the prediction of size " << prediction.sizes()
         << " (they are compared voxel by voxel); bring both to one grid";
    throw DataError(text.str());
  }
  const torch::Tensor predicted = prediction.contiguous();
  const torch::Tensor expected = reference.contiguous();
  const auto* p = predicted.const_data_ptr<int16_t>();
  const auto* r = expected.const_data_ptr<int16_t>();
  const int64_t voxels = predicted.numel();
  for (int64_t first = 0, last = 0; first < voxels; first = last) {
    while (last < voxels && p[last] == p[first] && r[last] == r[first]) ++last;
    use(p[first], r[first], last - first);
  }
}

/// What a map may hold is [0, end).
void require_known(const char* map, int16_t value, int64_t end,
                   const char* meaning) {
  if (value >= 0 && value < end) return;
  throw DataError(std::string(map) + ": has the value " +
                  std::to_string(value) + " (" + meaning + " are 0 to " +
                  std::to_string(end - 1) +
                  "); correct the map or the list of classes");
}

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

std::vector<OverlapCounts> class_overlap(const torch::Tensor& prediction,
                                         const torch::Tensor& reference,
                                         int64_t classes) {
  TORCH_CHECK(classes >= 1, classes, " classes");
  // The background is counted like the others, then dropped.
  std::vector<OverlapCounts> counts(classes);
  for_each_run(prediction, reference, [&](int16_t p, int16_t r, int64_t n) {
    require_known("prediction", p, classes, "classes");
    require_known("reference", r, classes, "classes");
    if (p == r) {
      counts[p].true_positive += n;
    } else {
      counts[p].false_positive += n;
      counts[r].false_negative += n;
    }
  });
  counts.erase(counts.begin());
  return with_true_negatives(std::move(counts), prediction.numel());
}

std::vector<OverlapCounts> structure_overlap(const torch::Tensor& prediction,
                                             const torch::Tensor& reference,
                                             int64_t structures) {
  TORCH_CHECK(structures >= 1 && structures <= 15, structures, " structures");
  const int64_t end = int64_t{1} << structures;
  std::vector<OverlapCounts> counts(structures);
  for_each_run(prediction, reference, [&](int16_t p, int16_t r, int64_t n) {
    require_known("prediction", p, end, "sets of structures");
    require_known("reference", r, end, "sets of structures");
    for (int64_t k = 0; k < structures; ++k) {
      const bool predicted = (p >> k & 1) != 0, expected = (r >> k & 1) != 0;
      if (predicted && expected) counts[k].true_positive += n;
      if (predicted && !expected) counts[k].false_positive += n;
      if (!predicted && expected) counts[k].false_negative += n;
    }
  });
  return with_true_negatives(std::move(counts), prediction.numel());
}

}  // namespace unimiss::eval
