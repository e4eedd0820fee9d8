#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

/// What a network consists of: its parameters and, where it has any, its
/// buffers (the running statistics of a batch norm). They travel together: into
/// checkpoints, exported files, averages and comparisons between processes.
namespace unimiss::model {

using NamedTensors = std::map<std::string, torch::Tensor>;

/// Parameters, then buffers, each in the network's order: the tensors
/// themselves.
std::vector<std::pair<std::string, torch::Tensor>> tensors_of(
    const torch::nn::Module& network);
/// The same by "<prefix><name>".
NamedTensors named_tensors(const torch::nn::Module& network,
                           const std::string& prefix = "");

/// Makes a network equal to another one of its kind.
void copy_tensors(const torch::nn::Module& from, torch::nn::Module& to);
/// to ← keep · to + (1 − keep) · from, of every parameter. Buffers are copied,
/// integers or not: an average network, which never trains, then normalizes by
/// the statistics of the one it follows (as torch.optim.swa_utils has it). Keys
/// of DINO or MoCo, in training mode, gather their own instead.
void average_tensors(const torch::nn::Module& from, torch::nn::Module& to,
                     double keep);

/// Some buffers as they are now, to be put back: forward passes in training
/// mode change them. Without any it costs nothing.
class BufferCopy {
 public:
  explicit BufferCopy(const std::vector<torch::Tensor>& buffers);
  void put_back() const;

 private:
  std::vector<std::pair<torch::Tensor, torch::Tensor>> copies_;  ///< of, copy
};

/// How many numbers the parameters of a network have, and how many of them are
/// trained.
int64_t parameter_count(const torch::nn::Module& network);
int64_t trained_parameter_count(const torch::nn::Module& network);
/// Bytes of all its tensors.
int64_t tensor_bytes(const torch::nn::Module& network);

}  // namespace unimiss::model
