#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "unimiss/core/class_relation.h"
#include "unimiss/core/fields.h"
#include "unimiss/core/process_mean.h"

namespace unimiss::task {

/// What the sums of a Dice coefficient run over.
enum class DiceScope {
  kSample,  ///< the places of a sample; then the mean over samples
  kBatch,   ///< the places of all samples together
};

struct SegmentationLossOptions {
  ClassRelation relation = ClassRelation::kExclusive;  ///< of the task
  DiceScope dice_scope = DiceScope::kBatch;
  double dice_weight = 1, cross_entropy_weight = 1;
  /// Of the cross-entropy, one a class; empty: all 1.
  std::vector<double> class_weights;
  double smooth = 1e-5;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("dice_scope", self.dice_scope,
          "the Dice coefficient of each sample, or of a whole batch");
    visit("dice_weight", self.dice_weight,
          "of a segmentation's Dice term, at least 0");
    visit("cross_entropy_weight", self.cross_entropy_weight,
          "of the cross-entropy term, at least 0");
    visit("class_weights", self.class_weights,
          "of each class in the cross-entropy, at least 0; empty: all 1");
    visit("smooth", self.smooth,
          "added to both sides of the Dice fraction: a class that is absent "
          "and not predicted counts as 1");
  }
  void check(Problems& problems) const;
};

/// 1 − the mean soft Dice coefficient of the foreground, plus cross-entropy:
///
///   Dice_k = (2 Σ p_k g_k + s) / (Σ p_k + Σ g_k + s)
///
/// with the probabilities p, the reference g and the sums over the places of a
/// sample or of the batch (nnU-Net's Dice + CE; Dice + BCE for structures).
///
/// logits [B, K, ...]. Exclusive: target [B, ...] int64 in [0, K), class 0 the
/// background, which the Dice term leaves out. Overlapping: target [B, K, ...]
/// of 0 and 1, every channel a structure. Scalar, fp32 at least.
///
/// mean: where the samples are one process's equal share of a batch; the mean
/// over the processes of loss and gradient is then that of the whole batch.
torch::Tensor segmentation_loss(const torch::Tensor& logits,
                                const torch::Tensor& target,
                                const SegmentationLossOptions& options,
                                const MeanOverProcesses& mean = {});

/// The weights of the classes, [K], beside logits [B, K, ...]; undefined where
/// there are none.
torch::Tensor weights_of(const SegmentationLossOptions& options,
                         const torch::Tensor& logits);

/// Cross-entropy of logits [B, K, ...] and classes [B, ...] with weights by
/// class [K], or none, likewise: their weighted mean, 0 where all have the
/// weight 0. All processes must call it, for the sum of the weights is that of
/// all.
torch::Tensor class_cross_entropy(const torch::Tensor& logits,
                                  const torch::Tensor& target,
                                  const torch::Tensor& weights,
                                  double label_smoothing,
                                  const MeanOverProcesses& mean);

/// The weighted sum of the loss at every resolution of a SegmentationNetwork,
/// finest first: 1, 1/2, 1/4, ..., the coarsest 0, divided by their sum. The
/// target, of the finest resolution, is brought to each by its nearest places.
torch::Tensor deep_supervision_loss(const std::vector<torch::Tensor>& logits,
                                    const torch::Tensor& target,
                                    const SegmentationLossOptions& options,
                                    const MeanOverProcesses& mean = {});

}  // namespace unimiss::task

template <>
struct unimiss::EnumNames<unimiss::task::DiceScope> {
  static constexpr std::array kNames{
      std::pair{unimiss::task::DiceScope::kSample, "sample"},
      std::pair{unimiss::task::DiceScope::kBatch, "batch"}};
};
