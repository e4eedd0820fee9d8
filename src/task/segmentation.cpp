#include "task/segmentation.h"

#include <ATen/Functions.h>

#include "task/case_predictor.h"
#include "unimiss/model/official_names.h"

namespace unimiss::task {

Segmentation::Segmentation(const TaskSpec& spec, const LossOptions& loss)
    : Task(spec),
      loss_(loss),
      network_(model::SegmentationNetworkOptions{spec.model, spec.outputs()}) {
  loss_.segmentation.relation = spec.target.relation();
}

torch::Tensor Segmentation::loss(const torch::Tensor& input,
                                 const torch::Tensor& target,
                                 const MeanOverProcesses& mean) {
  network_->train();
  // Structures are told as bits: [B, ...] -> [B, K, ...] of 0 and 1.
  const torch::Tensor classes =
      spec().target.is_exclusive()
          ? target.to(torch::kLong)
          : at::stack(spec().foreground_masks(target), 1);
  const auto logits = network_->forward(input);
  if (!loss_.deep_supervision) {
    return segmentation_loss(logits[0], classes, loss_.segmentation, mean);
  }
  return deep_supervision_loss(logits, classes, loss_.segmentation, mean);
}

torch::Tensor Segmentation::scores(const torch::Tensor& input) {
  const torch::NoGradGuard no_grad;
  network_->eval();
  return network_->forward(input)[0].to(torch::kFloat);
}

Prediction Segmentation::predict(const NetworkCase& of) {
  return {predict_map(*this, of), {}};
}

data::CaseReference Segmentation::read_reference(
    const augment::Case& of) const {
  return data::read_case_reference(of, spec().decode_options());
}

std::vector<eval::OverlapCounts> Segmentation::overlap(
    const torch::Tensor& map, const torch::Tensor& reference) const {
  return eval::map_overlap(map, reference, spec().outputs(),
                           spec().target.relation());
}

std::string Segmentation::official_name(const std::string& parameter) const {
  return model::official_segmentation_name(parameter);
}

}  // namespace unimiss::task
