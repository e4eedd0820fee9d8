#include "unimiss/train/update.h"

#include <ATen/Functions.h>

#include <exception>
#include <string_view>

#include "unimiss/core/random.h"
#include "unimiss/model/weight_transfer.h"

namespace unimiss::train {
namespace {

constexpr std::string_view kOptimizer = "optimizer.";
constexpr std::string_view kSpikes = "spikes.";
constexpr const char* kLossScale = "loss_scale";

/// Takes the tensors whose names begin so out of a state.
model::NamedTensors take_out(model::NamedTensors& state,
                             std::string_view prefix) {
  model::NamedTensors taken;
  for (auto at = state.lower_bound(std::string(prefix));
       at != state.end() && at->first.starts_with(prefix);
       at = state.erase(at)) {
    taken[at->first.substr(prefix.size())] = at->second;
  }
  return taken;
}

}  // namespace

void UpdateOptions::check(Problems& problems) const {
  OptimizerOptions::check(problems);
  ClipOptions::check(problems);
  GradientOptions::check(problems);
  SpikeOptions::check(problems);
}

Update::Update(const torch::nn::Module& network, const UpdateOptions& options,
               const UpdateContext& context)
    : clip_(options),
      optimizer_(network.named_parameters(), options, context.lr_scales),
      gradients_(context.communicator, network, options, context.device,
                 context.bucket_bytes),
      spikes_(options),
      scaler_(context.precision),
      buffers_(network.buffers()) {}

Update::Attempt::Attempt(Update& update)
    : update_(update), exceptions_(std::uncaught_exceptions()) {
  update.before_.emplace(update.buffers_);
  update.optimizer_.zero_grad();
}

Update::Attempt::~Attempt() noexcept(false) {
  if (!update_.before_) return;
  try {
    update_.optimizer_.zero_grad();
    update_.before_->put_back();
    update_.before_.reset();
  } catch (...) {
    // A second one, of the same broken device, would end the process before the
    // first is told.
    if (std::uncaught_exceptions() == exceptions_) throw;
  }
}

void Update::backward(const torch::Tensor& loss, int64_t part, int64_t kind) {
  gradients_.backward(loss * scaler_.scale(), part, kind);
}

/// Each process has seen its own share of the batch.
void Update::average_buffers() const {
  const MeanOverProcesses mean = gradients_.mean();
  if (mean.processes() == 1) return;
  torch::NoGradGuard no_grad;
  for (torch::Tensor buffer : buffers_) {
    if (buffer.is_floating_point()) mean(buffer);
  }
}

torch::Tensor Update::finish(torch::Tensor& loss,
                             const std::vector<torch::Tensor*>& others) {
  const std::vector<torch::Tensor> gradients = optimizer_.gradients();
  const double unscale = 1.0 / scaler_.scale();
  if (unscale != 1.0) at::_foreach_mul_(gradients, unscale);
  torch::Tensor grad_norm = clip_gradients(gradients, clip_);
  average_buffers();
  std::vector<torch::Tensor*> scalars{&loss, &grad_norm};
  scalars.insert(scalars.end(), others.begin(), others.end());
  gradients_.average(scalars);
  return grad_norm;
}

StepOutcome Update::judge(const torch::Tensor& loss,
                          const torch::Tensor& grad_norm, int64_t kind) {
  // One transfer from the device for both.
  const torch::Tensor finite =
      at::isfinite(
          at::stack({loss.to(torch::kDouble), grad_norm.to(torch::kDouble)}))
          .cpu();
  const bool finite_loss = finite[0].item<bool>();
  if (finite_loss && finite[1].item<bool>()) {
    const bool spike =
        spikes_.active() &&
        spikes_.is_spike(kind, loss.item<double>(), grad_norm.item<double>());
    return spike ? StepOutcome::kSpike : StepOutcome::kUpdated;
  }
  // Overflow is what the scale is for; a loss that is not finite is not, nor a
  // gradient that overflows without being scaled up.
  if (!finite_loss || !scaler_.active() || scaler_.scale() <= 1.0) {
    return StepOutcome::kNonFinite;
  }
  scaler_.update(false);
  return StepOutcome::kOverflow;
}

void Update::apply(double lr, double weight_decay,
                   const std::vector<std::string>& held) {
  optimizer_.step(lr, weight_decay, held);
  optimizer_.zero_grad();
  if (scaler_.active()) scaler_.update(true);
  before_.reset();
}

TakenStep Update::take(const std::string& phase,
                       const std::function<torch::Tensor()>& loss, double lr,
                       double weight_decay) {
  TORCH_CHECK(parts() == 1, "a step of ", parts(), " parts has no one loss");
  const auto kind = static_cast<int64_t>(fnv1a64(phase) >> 1);
  const Attempt attempt = begin();
  prepare(kind, loss);
  torch::Tensor of_batch = loss();
  backward(of_batch, /*part=*/0, kind);
  of_batch = of_batch.detach();
  const torch::Tensor grad_norm = finish(of_batch);
  TakenStep taken;
  taken.record.phase = phase;
  taken.record.loss = of_batch.item<double>();
  taken.record.lr = lr;
  taken.record.weight_decay = weight_decay;
  taken.record.grad_norm = grad_norm.item<double>();
  taken.outcome = judge(of_batch, grad_norm, kind);
  if (taken.outcome == StepOutcome::kUpdated) apply(lr, weight_decay);
  return taken;
}

model::NamedTensors Update::state() const {
  model::NamedTensors state{
      {kLossScale,
       at::tensor({scaler_.scale(), static_cast<double>(scaler_.good_steps())},
                  torch::kDouble)}};
  for (const auto& [name, tensor] : optimizer_.state()) {
    state[std::string(kOptimizer) + name] = tensor;
  }
  for (const auto& [kind, tensor] : spikes_.state()) {
    state[std::string(kSpikes) + kind] = tensor;
  }
  return state;
}

void Update::load_state(const model::NamedTensors& state,
                        model::NamedTensors targets) {
  model::NamedTensors weights = state;
  const model::NamedTensors optimizer = take_out(weights, kOptimizer);
  const model::NamedTensors spikes = take_out(weights, kSpikes);
  torch::Tensor scale = at::empty({2}, torch::kDouble);
  targets[kLossScale] = scale;
  const auto misfits = model::misfits_of(weights, targets);
  TORCH_CHECK(misfits.empty(),
              "the state is not of this training: ", misfits.front().text);
  torch::NoGradGuard no_grad;
  optimizer_.load_state(optimizer);
  spikes_.load_state(spikes);
  for (auto& [name, target] : targets) target.copy_(weights.at(name));
  scaler_.restore(scale[0].item<double>(), scale[1].item<int64_t>());
}

int64_t Update::state_bytes() const {
  constexpr int64_t kLossScaleBytes = 2 * sizeof(double);
  return optimizer_.state_bytes() + spikes_.state_bytes() + kLossScaleBytes;
}

}  // namespace unimiss::train
