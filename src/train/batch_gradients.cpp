#include "unimiss/train/batch_gradients.h"

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <torch/csrc/autograd/autograd.h>

#include <mutex>
#include <string>
#include <utility>

#include "unimiss/model/named_tensors.h"
#include "unimiss/train/run_options.h"

namespace unimiss::train {
namespace {

/// The parameters that the gradient of a loss reaches.
std::vector<std::pair<std::string, torch::Tensor>> reached_by(
    const torch::Tensor& loss, const torch::nn::Module& network) {
  std::vector<std::pair<std::string, torch::Tensor>> named;
  std::vector<torch::Tensor> parameters;
  for (const auto& item : network.named_parameters()) {
    if (!item.value().requires_grad()) continue;
    named.emplace_back(item.key(), item.value());
    parameters.push_back(item.value());
  }
  const auto gradients = torch::autograd::grad(
      {loss}, parameters, /*grad_outputs=*/{}, /*retain_graph=*/false,
      /*create_graph=*/false, /*allow_unused=*/true);
  size_t kept = 0;
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (gradients[i].defined()) named[kept++] = named[i];
  }
  named.resize(kept);
  return named;
}

}  // namespace

void GradientOptions::check(Problems& problems) const {
  problems.in_range(accumulate, between(1, kMaximumCount),
                    "optimizer.accumulate");
}

void check_accumulation(const GradientOptions& options, int64_t batch_size,
                        const std::string& key, Problems& problems) {
  problems.require(
      options.accumulate < 1 || batch_size % options.accumulate == 0,
      "optimizer.accumulate",
      "must divide " + key + ", " + number_text(batch_size) + " (is " +
          number_text(options.accumulate) + ")",
      {key});
}

BatchGradients::BatchGradients(const distributed::Communicator* communicator,
                               const torch::nn::Module& network,
                               const GradientOptions& options,
                               torch::Device device, int64_t bucket_bytes)
    : communicator_(communicator != nullptr && communicator->size() > 1
                        ? communicator
                        : nullptr),
      network_(network),
      parts_(options.accumulate),
      device_(device) {
  options_.bucket_bytes = bucket_bytes;
  options_.fp16 = options.compression == Compression::kFp16;
}

MeanOverProcesses BatchGradients::mean() const {
  if (communicator_ == nullptr) return {};
  return {[of = communicator_](torch::Tensor& tensor) { of->mean(tensor); },
          communicator_->size()};
}

void BatchGradients::average(const std::vector<torch::Tensor*>& scalars) const {
  if (communicator_ == nullptr) return;
  std::vector<torch::Tensor> each;
  each.reserve(scalars.size());
  for (const torch::Tensor* scalar : scalars) {
    each.push_back(scalar->to(torch::kDouble));
  }
  // Between CPUs, where it is noticed at once if a process is lost; the values
  // are needed there next.
  torch::Tensor all = at::stack(each).cpu();
  communicator_->mean(all);
  for (size_t i = 0; i < scalars.size(); ++i) {
    *scalars[i] = all[static_cast<int64_t>(i)].to(scalars[i]->options());
  }
}

void BatchGradients::prepare(int64_t kind,
                             const std::function<torch::Tensor()>& tiny_loss) {
  if (communicator_ == nullptr || reducers_.contains(kind)) return;
  const model::BufferCopy buffers(network_.buffers());
  at::Generator generator = at::globalContext().defaultGenerator(device_);
  torch::Tensor draws;
  {
    const std::lock_guard lock(generator.mutex());
    draws = generator.get_state();
  }
  auto parameters = reached_by(tiny_loss(), network_);
  {
    const std::lock_guard lock(generator.mutex());
    generator.set_state(draws);
  }
  buffers.put_back();
  reducers_.try_emplace(kind, *communicator_, parameters, options_);
}

void BatchGradients::backward(const torch::Tensor& loss, int64_t part,
                              int64_t kind) {
  // A reducer that is not told to expect a pass leaves it alone.
  if (communicator_ == nullptr || part + 1 < parts_) return loss.backward();
  const auto reducer = reducers_.find(kind);
  TORCH_CHECK(reducer != reducers_.end(), "steps of kind ", kind,
              " are not prepared");
  reducer->second.backward(loss);
}

}  // namespace unimiss::train
