#pragma once

#include "unimiss/model/classification_network.h"
#include "unimiss/task/task.h"

namespace unimiss::task {

/// One class, or any number of them, of a case.
class Classification : public Task {
 public:
  Classification(const TaskSpec& spec, const LossOptions& loss);

  torch::nn::Module& module() override { return *network_; }
  model::HasDecoder has_decoder() const override {
    return model::HasDecoder::kNo;
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
  model::ClassificationNetwork network_;
};

}  // namespace unimiss::task
