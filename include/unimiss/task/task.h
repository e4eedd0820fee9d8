#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "unimiss/augment/case.h"
#include "unimiss/core/process_mean.h"
#include "unimiss/data/case_cache.h"
#include "unimiss/eval/segmentation_metrics.h"
#include "unimiss/model/network_part.h"
#include "unimiss/task/loss_options.h"
#include "unimiss/task/task_spec.h"

namespace unimiss::task {

/// Takes the probabilities [K, H, W] of slice z of the case's own grid, z
/// ascending.
using TakeProbabilities =
    std::function<void(int64_t z, const torch::Tensor& probabilities)>;

/// A case as a network sees it, and the grid that a segmentation is told on.
/// Refers to the voxels.
struct NetworkCase {
  /// own: the case's own grid; that of a classification need not be read.
  NetworkCase(const augment::CaseVoxels& seen, const data::CaseReference& own);

  const augment::CaseVoxels& voxels;
  std::array<int64_t, 3> size{};  ///< voxels of the case's own grid, D, H, W
  std::array<double, 3> scale{1, 1, 1};  ///< as CaseReference::scale
  /// Called between windows; what it throws is passed on.
  std::function<void()> stop = [] {};
  /// Where it is given, it is shown the softmax or sigmoid of a segmentation.
  TakeProbabilities take;
};

/// What a network says of a case.
struct Prediction {
  /// Of a segmentation: int16 [D, H, W] on the case's own grid, the class of
  /// the largest score, or, as bits, the structures whose score is greater than
  /// 0. Else undefined.
  torch::Tensor map;
  /// Of a classification, [K]: the mean over all places. Else empty.
  std::vector<double> probabilities;
};

/// A network and what it does with cases. Segmentation and classification, one
/// class or any number, 2D and 3D differ behind this interface: who holds a
/// task need not ask which it is.
///
/// Input [B, C, H, W] or [B, C, D, H, W] in normalised units. Targets of a
/// segmentation: int16 [B, (D,) H, W], classes or structures as bits; of a
/// classification: int64 [B], or, of any number of classes, float [B, K] of 0
/// and 1.
class Task {
 public:
  virtual ~Task() = default;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  const TaskSpec& spec() const { return spec_; }
  /// How whole cases are predicted from now on.
  void set_inference(const eval::SlidingWindowOptions& inference,
                     Precision precision);

  virtual torch::nn::Module& module() = 0;
  const torch::nn::Module& module() const;
  /// Where its parameters are.
  torch::Device device() const;
  /// Whether a decoder lies between encoder and head.
  virtual model::HasDecoder has_decoder() const = 0;
  /// Parameters and buffers under the names of the official fine-tuning code,
  /// the tensors themselves.
  std::map<std::string, torch::Tensor> official_weights() const;

  /// What training minimises (loss.*), a scalar. mean: as of
  /// segmentation_loss().
  virtual torch::Tensor loss(const torch::Tensor& input,
                             const torch::Tensor& target,
                             const MeanOverProcesses& mean = {}) = 0;
  /// Without gradient. Segmentation: logits [B, K, (D,) H, W]; classification:
  /// probabilities [B, K].
  virtual torch::Tensor scores(const torch::Tensor& input) = 0;

  /// What is told of a whole case, window by window. Throws RunError where the
  /// scores are not finite.
  ///
  /// Memory: of a segmentation the map, a slice of K scores, and what
  /// SlidingWindow and ScoreSlices hold: K scores at twice as many slices as a
  /// window is deep.
  virtual Prediction predict(const NetworkCase& of) = 0;
  /// What predictions of a case are held against and where they lie; empty
  /// where the case's labels say all. Throws as data::decode_case() does.
  virtual data::CaseReference read_reference(const augment::Case& of) const = 0;
  /// How a map and that of the reference, both int16 [D, H, W] on one grid,
  /// agree: of each class of TaskSpec::foreground(); of a classification none.
  virtual std::vector<eval::OverlapCounts> overlap(
      const torch::Tensor& map, const torch::Tensor& reference) const = 0;

 protected:
  explicit Task(TaskSpec spec) : spec_(std::move(spec)) {}
  virtual std::string official_name(const std::string& tensor) const = 0;

 private:
  TaskSpec spec_;
};

/// A task with random weights, those of LibTorch's generator.
std::unique_ptr<Task> make_task(const TaskSpec& spec,
                                const LossOptions& loss = {});

}  // namespace unimiss::task
