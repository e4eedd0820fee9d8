#include "unimiss/task/segmentation_loss.h"

#include <ATen/Functions.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "unimiss/core/problems.h"

namespace unimiss::task {
namespace {

bool exclusive(const SegmentationLossOptions& options) {
  return options.relation == ClassRelation::kExclusive;
}

/// [B, K, N] of 0 and 1.
torch::Tensor indicators(const torch::Tensor& target, int64_t classes) {
  const torch::Tensor flat = target.flatten(1).unsqueeze(1);
  return at::zeros({flat.size(0), classes, flat.size(2)},
                   flat.options().dtype(torch::kFloat))
      .scatter_(1, flat, 1.0);
}

/// 1 − the mean coefficient. probabilities and reference [B, K, N].
torch::Tensor dice_loss(const torch::Tensor& probabilities,
                        const torch::Tensor& reference, DiceScope scope,
                        double smooth, const MeanOverProcesses& mean) {
  const bool whole = scope == DiceScope::kBatch;
  const std::vector<int64_t> places =
      whole ? std::vector<int64_t>{0, 2} : std::vector<int64_t>{2};
  torch::Tensor both = (probabilities * reference).sum(places);
  torch::Tensor all = probabilities.sum(places) + reference.sum(places);
  if (whole && mean.processes() > 1) {
    // At once: one message.
    const auto sums = mean.sum(at::stack({both, all})).unbind();
    both = sums[0];
    all = sums[1];
  }
  return 1 - ((2 * both + smooth) / (all + smooth)).mean();
}

torch::Tensor cross_entropy(const torch::Tensor& logits,
                            const torch::Tensor& target,
                            const SegmentationLossOptions& options,
                            const MeanOverProcesses& mean) {
  const torch::Tensor weights = weights_of(options, logits);
  if (exclusive(options)) {
    return class_cross_entropy(logits, target, weights, 0, mean);
  }
  torch::Tensor each = at::binary_cross_entropy_with_logits(
      logits, target.to(logits.scalar_type()), {}, {}, at::Reduction::None);
  if (weights.defined()) {
    std::vector<int64_t> shape(logits.dim(), 1);
    shape[1] = -1;
    each = each * weights.view(shape);
  }
  return each.mean();
}

/// The places of a target [B, ...] or [B, K, ...] nearest to another grid's.
torch::Tensor resized(const torch::Tensor& target, at::IntArrayRef size) {
  const auto rank = static_cast<int64_t>(size.size());
  if (target.sizes().slice(target.dim() - rank) == size) return target;
  torch::Tensor map = target.to(torch::kFloat);
  const bool channels = target.dim() == rank + 2;
  if (!channels) map = map.unsqueeze(1);
  map = rank == 2 ? at::_upsample_nearest_exact2d(map, size)
                  : at::_upsample_nearest_exact3d(map, size);
  if (!channels) map = map.squeeze(1);
  return map.to(target.scalar_type());
}

}  // namespace

torch::Tensor weights_of(const SegmentationLossOptions& options,
                         const torch::Tensor& logits) {
  if (options.class_weights.empty()) return {};
  TORCH_CHECK(
      static_cast<int64_t>(options.class_weights.size()) == logits.size(1),
      options.class_weights.size(), " class weights for ", logits.size(1),
      " classes");
  // Does not wait for the GPU.
  return at::tensor(options.class_weights, logits.scalar_type())
      .to(logits.device(), /*non_blocking=*/true);
}

void SegmentationLossOptions::check(Problems& problems) const {
  problems.in_range(dice_weight, at_least(0), "loss.dice_weight");
  problems.in_range(cross_entropy_weight, at_least(0),
                    "loss.cross_entropy_weight");
  problems.require(dice_weight + cross_entropy_weight > 0, "loss.dice_weight",
                   "is 0 as loss.cross_entropy_weight is (nothing would be "
                   "learned); raise one of them",
                   {"loss.cross_entropy_weight"});
  problems.all_in_range(class_weights, at_least(0), "loss.class_weights");
  problems.require(
      class_weights.empty() ||
          std::accumulate(class_weights.begin(), class_weights.end(), 0.0) > 0,
      "loss.class_weights", "are all 0 (nothing would be learned)");
  problems.in_range(smooth, greater_than(0), "loss.smooth");
}

torch::Tensor class_cross_entropy(const torch::Tensor& logits,
                                  const torch::Tensor& target,
                                  const torch::Tensor& weights,
                                  double label_smoothing,
                                  const MeanOverProcesses& mean) {
  constexpr int64_t kIgnoreNone = -100;
  if (!weights.defined()) {
    return at::cross_entropy_loss(logits, target, weights, at::Reduction::Mean,
                                  kIgnoreNone, label_smoothing);
  }
  const torch::Tensor sum =
      at::cross_entropy_loss(logits, target, weights, at::Reduction::Sum,
                             kIgnoreNone, label_smoothing);
  // The weights of all processes' places; where all are 0 so is the loss.
  torch::Tensor usual = weights.index_select(0, target.flatten()).sum();
  mean(usual);
  return sum / usual.clamp_min(std::numeric_limits<float>::min());
}

torch::Tensor segmentation_loss(const torch::Tensor& logits,
                                const torch::Tensor& target,
                                const SegmentationLossOptions& options,
                                const MeanOverProcesses& mean) {
  // Sums over millions of places need more than half precision.
  const bool half = logits.scalar_type() == torch::kHalf ||
                    logits.scalar_type() == torch::kBFloat16;
  const torch::Tensor scores = half ? logits.to(torch::kFloat) : logits;
  torch::Tensor loss = at::zeros({}, scores.options());
  if (options.cross_entropy_weight > 0) {
    loss = loss + options.cross_entropy_weight *
                      cross_entropy(scores, target, options, mean);
  }
  if (options.dice_weight == 0) return loss;
  torch::Tensor probabilities, reference;
  if (exclusive(options)) {
    const int64_t classes = scores.size(1);
    probabilities = at::softmax(scores, 1).flatten(2).slice(1, 1);
    reference = indicators(target, classes).slice(1, 1);
  } else {
    probabilities = at::sigmoid(scores).flatten(2);
    reference = target.flatten(2);
  }
  return loss + options.dice_weight *
                    dice_loss(probabilities,
                              reference.to(probabilities.scalar_type()),
                              options.dice_scope, options.smooth, mean);
}

torch::Tensor deep_supervision_loss(const std::vector<torch::Tensor>& logits,
                                    const torch::Tensor& target,
                                    const SegmentationLossOptions& options,
                                    const MeanOverProcesses& mean) {
  TORCH_CHECK(!logits.empty(), "there are no logits");
  // The coarsest one learns through the finer ones alone.
  const size_t count = std::max<size_t>(1, logits.size() - 1);
  torch::Tensor loss;
  double sum = 0;
  for (size_t i = 0; i < count; ++i) {
    const double weight = std::exp2(-static_cast<double>(i));
    const torch::Tensor level = segmentation_loss(
        logits[i], resized(target, logits[i].sizes().slice(2)), options, mean);
    loss = loss.defined() ? loss + weight * level : weight * level;
    sum += weight;
  }
  return loss / sum;
}

}  // namespace unimiss::task
