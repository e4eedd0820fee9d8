#pragma once

#include "unimiss/model/segmentation_network.h"
#include "unimiss/task/task.h"

namespace unimiss::task {

/// A class or overlapping structures at each place.
class Segmentation : public Task {
 public:
  Segmentation(const TaskSpec& spec, const LossOptions& loss);

  torch::nn::Module& module() override { return *network_; }
  model::HasDecoder has_decoder() const override {
    return model::HasDecoder::kYes;
  }
  torch::Tensor loss(const torch::Tensor& input, const torch::Tensor& target,
                     const MeanOverProcesses& mean) override;
  torch::Tensor scores(const torch::Tensor& input) override;
  Prediction predict(const NetworkCase& of) override;
  data::CaseReference read_reference(const augment::Case& of) const override;
  std::vector<eval::OverlapCounts> overlap(
      const torch::Tensor& map, const torch::Tensor& reference) const override;

 private:
  std::string official_name(const std::string& parameter) const override;

  LossOptions loss_;
  model::SegmentationNetwork network_;
};

}  // namespace unimiss::task
