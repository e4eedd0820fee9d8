#include "unimiss/model/named_tensors.h"

#include <ATen/Functions.h>

namespace unimiss::model {
namespace {

void copy_buffers(const torch::nn::Module& from, torch::nn::Module& to) {
  const auto sources = from.buffers(), targets = to.buffers();
  TORCH_CHECK(sources.size() == targets.size(),
              "networks of two kinds: they differ in their buffers");
  for (size_t i = 0; i < targets.size(); ++i) targets[i].copy_(sources[i]);
}

}  // namespace

std::vector<std::pair<std::string, torch::Tensor>> tensors_of(
    const torch::nn::Module& network) {
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (const auto& item : network.named_parameters()) {
    tensors.emplace_back(item.key(), item.value());
  }
  for (const auto& item : network.named_buffers()) {
    tensors.emplace_back(item.key(), item.value());
  }
  return tensors;
}

NamedTensors named_tensors(const torch::nn::Module& network,
                           const std::string& prefix) {
  NamedTensors named;
  for (auto& [name, tensor] : tensors_of(network))
    named[prefix + name] = tensor;
  return named;
}

void copy_tensors(const torch::nn::Module& from, torch::nn::Module& to) {
  torch::NoGradGuard no_grad;
  at::_foreach_copy_(to.parameters(), from.parameters());
  copy_buffers(from, to);
}

void average_tensors(const torch::nn::Module& from, torch::nn::Module& to,
                     double keep) {
  torch::NoGradGuard no_grad;
  at::_foreach_lerp_(to.parameters(), from.parameters(), 1 - keep);
  copy_buffers(from, to);
}

BufferCopy::BufferCopy(const std::vector<torch::Tensor>& buffers) {
  for (const torch::Tensor& buffer : buffers) {
    copies_.emplace_back(buffer, buffer.detach().clone());
  }
}

void BufferCopy::put_back() const {
  if (copies_.empty()) return;
  torch::NoGradGuard no_grad;
  for (const auto& [buffer, copy] : copies_) buffer.copy_(copy);
}

int64_t parameter_count(const torch::nn::Module& network) {
  int64_t count = 0;
  for (const auto& parameter : network.parameters()) count += parameter.numel();
  return count;
}

int64_t trained_parameter_count(const torch::nn::Module& network) {
  int64_t count = 0;
  for (const auto& parameter : network.parameters()) {
    if (parameter.requires_grad()) count += parameter.numel();
  }
  return count;
}

int64_t tensor_bytes(const torch::nn::Module& network) {
  size_t bytes = 0;
  for (const auto& [name, tensor] : tensors_of(network)) {
    bytes += tensor.nbytes();
  }
  return static_cast<int64_t>(bytes);
}

}  // namespace unimiss::model
