#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <array>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "unimiss/core/fields.h"
#include "unimiss/core/process_mean.h"
#include "unimiss/distributed/gradient_reducer.h"

namespace unimiss::train {

/// Of gradients, on their way between processes.
enum class Compression { kNone, kFp16 };

struct GradientOptions {
  int64_t accumulate = 1;
  Compression compression = Compression::kNone;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit(
        "accumulate", self.accumulate,
        "parts that a batch is computed in, one after another, to save "
        "memory; must divide the batch (of a fine-tuning a Dice coefficient of "
        "a batch and class weights count within a part)");
    visit("compression", self.compression,
          "how gradients go from process to process: as they are, or as fp16, "
          "in half the bytes");
  }
  /// Keys begin with their group, "optimizer", as in a configuration.
  void check(Problems& problems) const;
};

/// A batch of that size, a configuration's key, must come in equal parts.
void check_accumulation(const GradientOptions& options, int64_t batch_size,
                        const std::string& key, Problems& problems);

/// The gradients of a batch that comes in parts and is shared by processes: the
/// same for everything that is trained.
class BatchGradients {
 public:
  /// communicator: of the processes; null or of one: one alone. It and the
  /// network outlive this.
  BatchGradients(const distributed::Communicator* communicator,
                 const torch::nn::Module& network,
                 const GradientOptions& options, torch::Device device,
                 int64_t bucket_bytes =
                     distributed::GradientReducerOptions().bucket_bytes);

  int64_t parts() const { return parts_; }
  MeanOverProcesses mean() const;
  /// Replaces scalars by their means over the processes, at once.
  void average(const std::vector<torch::Tensor*>& scalars) const;

  /// Before the forward passes of a step: steps of one kind reach the same
  /// parameters; which, the gradients of a tiny loss of that kind tell once.
  /// LibTorch's draws and the network's buffers stay as they are.
  void prepare(int64_t kind, const std::function<torch::Tensor()>& tiny_loss);
  /// The backward pass of one part of a step whose kind is prepared; that of
  /// the last one also averages what all parts have left over the processes.
  void backward(const torch::Tensor& loss, int64_t part, int64_t kind);

 private:
  const distributed::Communicator* communicator_;  ///< null: one process
  const torch::nn::Module& network_;
  int64_t parts_;
  distributed::GradientReducerOptions options_;
  torch::Device device_;
  std::map<int64_t, distributed::GradientReducer> reducers_;
};

}  // namespace unimiss::train

template <>
struct unimiss::EnumNames<unimiss::train::Compression> {
  static constexpr std::array kNames{
      std::pair{unimiss::train::Compression::kNone, "none"},
      std::pair{unimiss::train::Compression::kFp16, "fp16"}};
};
