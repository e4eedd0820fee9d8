#include "unimiss/task/task_network.h"

#include <ATen/Functions.h>

#include "unimiss/model/official_names.h"

namespace unimiss::task {
namespace {

/// [B, ...] of bits → [B, K, ...] of 0 and 1.
torch::Tensor structures_of(const torch::Tensor& bits, int64_t count) {
  std::vector<torch::Tensor> structures;
  for (int64_t k = 0; k < count; ++k) {
    structures.push_back(bits.bitwise_and(int64_t{1} << k).ne(0));
  }
  return at::stack(structures, 1);
}

}  // namespace

TaskNetwork::TaskNetwork(const finetune::FinetuneConfig& config,
                         int64_t outputs)
    : loss_(config.loss), target_(config.task.target), outputs_(outputs) {
  loss_.segmentation.relation = target_ == augment::TargetKind::kStructures
                                    ? ClassRelation::kOverlapping
                                    : ClassRelation::kExclusive;
  if (augment::is_segmentation(target_)) {
    segmentation_ = model::SegmentationNetwork(
        model::SegmentationNetworkOptions{config.model, outputs});
  } else {
    classification_ =
        model::ClassificationNetwork(model::ClassificationNetworkOptions{
            config.model, outputs, config.head.rule});
  }
}

torch::nn::Module& TaskNetwork::module() {
  if (segmentation_) return *segmentation_;
  return *classification_;
}

const torch::nn::Module& TaskNetwork::module() const {
  if (segmentation_) return *segmentation_;
  return *classification_;
}

torch::Tensor TaskNetwork::loss(const torch::Tensor& input,
                                const torch::Tensor& target,
                                const MeanOverProcesses& mean) {
  module().train();
  if (classification_) {
    return classification_loss(classification_->forward(input), target, mean);
  }
  const torch::Tensor classes = target_ == augment::TargetKind::kStructures
                                    ? structures_of(target, outputs_)
                                    : target.to(torch::kLong);
  auto logits = segmentation_->forward(input);
  if (!loss_.deep_supervision) {
    return segmentation_loss(logits[0], classes, loss_.segmentation, mean);
  }
  return deep_supervision_loss(logits, classes, loss_.segmentation, mean);
}

torch::Tensor TaskNetwork::classification_loss(
    const torch::Tensor& logits, const torch::Tensor& target,
    const MeanOverProcesses& mean) const {
  // Sums of exponentials need more than half precision.
  const torch::Tensor scores = logits.to(torch::kFloat);
  const torch::Tensor weight = weights_of(loss_.segmentation, scores);
  if (target_ == augment::TargetKind::kClass) {
    return class_cross_entropy(scores, target, weight, loss_.label_smoothing,
                               mean);
  }
  const torch::Tensor smoothed =
      target * (1 - loss_.label_smoothing) + loss_.label_smoothing / 2;
  return at::binary_cross_entropy_with_logits(scores, smoothed, weight);
}

torch::Tensor TaskNetwork::scores(const torch::Tensor& input) {
  torch::NoGradGuard no_grad;
  module().eval();
  if (segmentation_) return segmentation_->forward(input)[0].to(torch::kFloat);
  const torch::Tensor logits =
      classification_->forward(input).to(torch::kFloat);
  return target_ == augment::TargetKind::kClass ? at::softmax(logits, 1)
                                                : at::sigmoid(logits);
}

std::map<std::string, torch::Tensor> TaskNetwork::official_parameters() const {
  std::map<std::string, torch::Tensor> parameters;
  for (const auto& item : module().named_parameters()) {
    const std::string name =
        segmentation_ ? model::official_segmentation_name(item.key())
                      : model::official_classification_name(item.key());
    parameters[name] = item.value();
  }
  return parameters;
}

}  // namespace unimiss::task
