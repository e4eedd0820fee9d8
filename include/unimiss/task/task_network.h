#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <map>
#include <string>

#include "unimiss/finetune/config.h"
#include "unimiss/model/classification_network.h"
#include "unimiss/model/segmentation_network.h"

namespace unimiss::task {

/// The network of a task, with the meaning of its input and output: the one
/// place where segmentation and classification, 2D and 3D, differ in training.
///
/// Input [B, C, H, W] or [B, C, D, H, W] in units of data.intensity. Targets,
/// of augment::TargetKind: kLabelMap int16 [B, (D,) H, W], classes; kStructures
/// the same, structures as bits; kClass int64 [B]; kClasses float [B, K] of 0
/// and 1.
class TaskNetwork {
 public:
  /// Random weights. `outputs`: classes or structures.
  TaskNetwork(const finetune::FinetuneConfig& config, int64_t outputs);

  torch::nn::Module& module();
  const torch::nn::Module& module() const;
  int64_t outputs() const { return outputs_; }

  /// What training minimises (loss.*), a scalar. mean: as of
  /// segmentation_loss().
  torch::Tensor loss(const torch::Tensor& input, const torch::Tensor& target,
                     const MeanOverProcesses& mean = {});
  /// Without gradient. Segmentation: logits [B, K, (D,) H, W]; classification:
  /// probabilities [B, K].
  torch::Tensor scores(const torch::Tensor& input);

  /// The parameters under the names of the official fine-tuning code, the
  /// tensors themselves.
  std::map<std::string, torch::Tensor> official_parameters() const;

 private:
  torch::Tensor classification_loss(const torch::Tensor& logits,
                                    const torch::Tensor& target,
                                    const MeanOverProcesses& mean) const;

  finetune::LossOptions loss_;
  augment::TargetKind target_;
  int64_t outputs_;
  // One of the two.
  model::SegmentationNetwork segmentation_{nullptr};
  model::ClassificationNetwork classification_{nullptr};
};

}  // namespace unimiss::task
