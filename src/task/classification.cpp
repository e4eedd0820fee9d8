#include "task/classification.h"

#include <ATen/Functions.h>

#include "task/case_predictor.h"
#include "unimiss/model/official_names.h"

namespace unimiss::task {

Classification::Classification(const TaskSpec& spec, const LossOptions& loss)
    : Task(spec),
      loss_(loss),
      network_(model::ClassificationNetworkOptions{spec.model, spec.outputs(),
                                                   spec.classifier.rule}) {}

torch::Tensor Classification::loss(const torch::Tensor& input,
                                   const torch::Tensor& target,
                                   const MeanOverProcesses& mean) {
  network_->train();
  // Sums of exponentials need more than half precision.
  const torch::Tensor logits = network_->forward(input).to(torch::kFloat);
  const torch::Tensor weight = weights_of(loss_.segmentation, logits);
  if (spec().target.is_exclusive()) {
    return class_cross_entropy(logits, target, weight, loss_.label_smoothing,
                               mean);
  }
  const torch::Tensor smoothed =
      target * (1 - loss_.label_smoothing) + loss_.label_smoothing / 2;
  return at::binary_cross_entropy_with_logits(logits, smoothed, weight);
}

torch::Tensor Classification::scores(const torch::Tensor& input) {
  const torch::NoGradGuard no_grad;
  network_->eval();
  const torch::Tensor logits = network_->forward(input).to(torch::kFloat);
  return spec().target.is_exclusive() ? at::softmax(logits, 1)
                                      : at::sigmoid(logits);
}

Prediction Classification::predict(const NetworkCase& of) {
  return {{}, predict_classes(*this, of)};
}

data::CaseReference Classification::read_reference(
    const augment::Case& /*of*/) const {
  return {};
}

std::vector<eval::OverlapCounts> Classification::overlap(
    const torch::Tensor& /*map*/, const torch::Tensor& /*reference*/) const {
  return {};
}

std::string Classification::official_name(const std::string& parameter) const {
  return model::official_classification_name(parameter);
}

}  // namespace unimiss::task
