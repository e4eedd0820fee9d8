#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "unimiss/core/precision.h"
#include "unimiss/core/process_mean.h"
#include "unimiss/distributed/communicator.h"
#include "unimiss/model/named_tensors.h"
#include "unimiss/train/batch_gradients.h"
#include "unimiss/train/clipping.h"
#include "unimiss/train/loss_scaler.h"
#include "unimiss/train/optimizer.h"
#include "unimiss/train/spike_filter.h"
#include "unimiss/train/step_outcome.h"
#include "unimiss/train/step_record.h"

namespace unimiss::train {

/// How losses become an update: one group of a configuration, "optimizer".
struct UpdateOptions : OptimizerOptions,
                       ClipOptions,
                       GradientOptions,
                       SpikeOptions {
  /// Those that mean the same whatever is trained.
  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    OptimizerOptions::visit_fields(self, visit);
    ClipOptions::visit_fields(self, visit);
    GradientOptions::visit_fields(self, visit);
    SpikeOptions::visit_fields(self, visit);
  }
  void check(Problems& problems) const;
};

/// Where updates take place.
struct UpdateContext {
  torch::Device device = torch::kCPU;
  Precision precision = Precision::kFp32;
  /// Of the processes that share a batch, outlives the Update; null: one alone.
  const distributed::Communicator* communicator = nullptr;
  std::map<std::string, double> lr_scales = {};  ///< as of an Optimizer
  /// Of several processes: gradients go round in buckets of that size.
  int64_t bucket_bytes = distributed::GradientReducerOptions().bucket_bytes;
};

/// From the losses of a batch to new weights: what every training has in
/// common, and the state that it keeps for that. A step reads
///
///     const auto attempt = update.begin();
///     update.prepare(kind, tiny_loss);
///     for (...) update.backward(loss of part i, i, kind);
///     grad_norm = update.finish(loss);
///     outcome = update.judge(loss, grad_norm, kind);
///     if (outcome != StepOutcome::kUpdated) return;
///     update.apply(lr, weight_decay);
///
/// Nothing has changed up to judge(), with its outcome or by an exception, but
/// the loss scale and what is remembered of losses. All processes call the same
/// functions in the same order.
class Update {
 public:
  /// The network outlives this; it is on its device already.
  Update(const torch::nn::Module& network, const UpdateOptions& options,
         const UpdateContext& context);

  /// A step, from before its forward passes on. Where it ends without apply(),
  /// gradients are freed and the network's buffers, which forward passes have
  /// changed, are what they were.
  class Attempt {
   public:
    explicit Attempt(Update& update);
    /// What fails here is thrown where nothing else is.
    ~Attempt() noexcept(false);
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;

   private:
    Update& update_;
    int exceptions_;  ///< in flight when it began
  };
  [[nodiscard]] Attempt begin() { return Attempt(*this); }

  /// Equal parts that a batch comes in.
  int64_t parts() const { return gradients_.parts(); }
  /// For losses that are not means over samples.
  MeanOverProcesses mean() const { return gradients_.mean(); }
  /// Needed where several processes share a batch, as of BatchGradients: before
  /// the forward passes.
  void prepare(int64_t kind, const std::function<torch::Tensor()>& tiny_loss) {
    gradients_.prepare(kind, tiny_loss);
  }
  /// Adds the gradients of one part's share of the loss, a scalar; the last
  /// part's pass also averages all of them over the processes.
  void backward(const torch::Tensor& loss, int64_t part, int64_t kind);
  /// After all parts: clips the gradients; replaces the loss of the batch, and
  /// other scalars that are told of it, by their means over the processes.
  /// Returns the gradients' norm before clipping, a scalar on the device.
  torch::Tensor finish(torch::Tensor& loss,
                       const std::vector<torch::Tensor*>& others = {});
  /// What becomes of a step whose loss and norm these are; waits for the
  /// device. Steps of a kind are judged by their own spikes.
  StepOutcome judge(const torch::Tensor& loss, const torch::Tensor& grad_norm,
                    int64_t kind);
  /// Changes the weights, but for the parameters named in `held`.
  void apply(double lr, double weight_decay,
             const std::vector<std::string>& held = {});

  /// All of that, for a step whose loss tells of nothing but itself, of a batch
  /// in one part, which accumulate must leave it in. loss() changes nothing but
  /// buffers: of several processes it is called once more before the first
  /// step. phase: the record's, and the kind of such steps.
  TakenStep take(const std::string& phase,
                 const std::function<torch::Tensor()>& loss, double lr,
                 double weight_decay = 0);

  /// "optimizer.*", "loss_scale" and, with skip_spikes, "spikes.*".
  model::NamedTensors state() const;
  /// Takes over a state that holds these and all of `targets`. It is checked
  /// before anything is overwritten. Errors: TORCH_CHECK for one that is not of
  /// these.
  void load_state(const model::NamedTensors& state,
                  model::NamedTensors targets);
  /// Bytes of state() once every parameter has had an update.
  int64_t state_bytes() const;

 private:
  void average_buffers() const;

  ClipOptions clip_;
  Optimizer optimizer_;
  BatchGradients gradients_;
  SpikeFilter spikes_;
  LossScaler scaler_;
  std::vector<torch::Tensor> buffers_;       ///< of the network
  std::optional<model::BufferCopy> before_;  ///< while a step is attempted
};

}  // namespace unimiss::train
