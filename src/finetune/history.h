#pragma once

#include <map>
#include <string>
#include <vector>

#include "unimiss/augment/sample.h"
#include "unimiss/draw/figure.h"
#include "unimiss/finetune/run.h"
#include "unimiss/task/task_spec.h"
#include "unimiss/train/process_times.h"
#include "unimiss/train/run_history.h"

namespace unimiss::finetune {

/// The phase of a record of a validation.
inline constexpr const char* kValidationPhase = "validation";

/// Samples as a network gets them, the labels of a segmentation over them in
/// colours: of a volume the slice with most of them.
torch::Tensor draw_samples(const std::vector<augment::Sample>& batches,
                           const task::TaskSpec& spec);

/// The records of a fine-tuning. Its picture shows samples, loss, validation
/// scores, learning rate and the time of an epoch.
class History : public train::RunHistory {
 public:
  History(const task::TaskSpec& spec, int64_t steps_per_epoch);

  void add(const train::StepRecord& record) override;
  void add_other(const train::Metrics& record) override;
  /// Keeps the first two batches.
  void add_batch(const augment::Sample& batch);
  void write_picture(const std::string& path) const override;
  void describe(Summary& summary) const;

 private:
  struct Curve {
    std::vector<double> x, y;
    void add(double at, double value);
  };
  double epoch_of(int64_t step) const;

  task::TaskSpec spec_;
  double steps_per_epoch_;
  std::vector<augment::Sample> batches_;
  Curve loss_, rate_, seconds_;
  std::map<std::string, Curve> scores_;
  double epoch_seconds_ = 0;
  int64_t steps_ = 0, samples_ = 0, peak_memory_mb_ = 0;
  train::ProcessHistory processes_;
  double all_seconds_ = 0, wait_seconds_ = 0;
};

}  // namespace unimiss::finetune
