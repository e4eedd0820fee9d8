#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <map>
#include <string>

#include "unimiss/core/precision.h"
#include "unimiss/train/loss_scaler.h"
#include "unimiss/train/optimizer.h"
#include "unimiss/train/spike_filter.h"

/// What is the same in the step and the state of everything that is trained.
namespace unimiss::train {

using NamedTensors = std::map<std::string, torch::Tensor>;

/// The parameters of a network, "<prefix><name>", the tensors themselves.
void add_parameters(NamedTensors& tensors, const std::string& prefix,
                    const torch::nn::Module& network);

/// What is the same in everything that is trained.
template <class O, class L, class S>
struct ProgressOf {
  O& optimizer;
  L& scaler;
  S& spikes;
};
using Progress = ProgressOf<Optimizer, LossScaler, SpikeFilter>;
using ConstProgress =
    ProgressOf<const Optimizer, const LossScaler, const SpikeFilter>;

/// Optimizer ("optimizer.*"), loss scale and what is remembered of the losses
/// ("spikes.*") of a state.
void add_progress(NamedTensors& state, const ConstProgress& progress);

/// Takes a state over: all of `targets` and the progress. All of it is checked
/// before anything is overwritten. Errors: TORCH_CHECK for one that is not of
/// these.
void restore_state(const NamedTensors& state, NamedTensors targets,
                   const Progress& progress);

/// How many numbers a network has, and how many of them are trained.
int64_t parameter_count(const torch::nn::Module& network);
int64_t trained_parameter_count(const torch::nn::Module& network);

/// Bytes of the parameters of a network, and of what an optimizer comes to
/// hold of them.
int64_t parameter_bytes(const torch::nn::Module& network);
int64_t moment_bytes(const torch::nn::Module& network, OptimizerKind kind);

/// What became of a step whose loss and (unscaled) gradient norm are these,
/// scalars on the device; waits for them. Steps of a kind are judged by their
/// own spikes.
StepOutcome outcome_of(const torch::Tensor& loss,
                       const torch::Tensor& grad_norm, const LossScaler& scaler,
                       SpikeFilter& spikes, int64_t kind);

}  // namespace unimiss::train
