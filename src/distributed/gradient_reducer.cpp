#include "unimiss/distributed/gradient_reducer.h"

#include <algorithm>
#include <torch/csrc/distributed/c10d/reducer.hpp>
#include <unordered_map>

#include "distributed/communicator_implementation.h"

#if __has_include(<torch/headeronly/version.h>)
#include <torch/headeronly/version.h>
#else
#include <torch/version.h>
#endif

namespace unimiss::distributed {
namespace {

constexpr bool kFindUnused = false;         // the caller says which take part
constexpr bool kGradientsAreViews = false;  // reducers share parameters

std::shared_ptr<c10d::Reducer> make_reducer(
    const c10::intrusive_ptr<c10d::ProcessGroup>& group,
    const std::vector<std::pair<std::string, torch::Tensor>>& named,
    const GradientReducerOptions& options) {
  std::vector<at::Tensor> parameters;
  std::unordered_map<size_t, std::string> names;
  for (const auto& [name, parameter] : named) {
    names[parameters.size()] = name;
    parameters.push_back(parameter);
  }
  const std::vector<bool> sparse(parameters.size(), false);
  // A small bucket first, so that the first is under way early.
  const auto most = static_cast<size_t>(options.bucket_bytes);
  const size_t first = std::min(most, size_t{1} << 20);
  auto [buckets, limits] = c10d::compute_bucket_assignment_by_size(
      parameters, {first, most}, sparse, {}, {});
  // Gradients come last layer first.
  std::reverse(buckets.begin(), buckets.end());
  auto reducer = std::make_shared<c10d::Reducer>(
      std::move(parameters), std::move(buckets), group, sparse,
      options.bucket_bytes, kFindUnused, kGradientsAreViews, std::move(names),
      static_cast<int64_t>(first)
#if TORCH_VERSION_MAJOR > 2 || TORCH_VERSION_MINOR >= 9
          ,
      /*skip_all_reduce_unused_params=*/false, /*use_python_reducer=*/false
#endif
#if TORCH_VERSION_MAJOR > 2 || TORCH_VERSION_MINOR >= 11
      ,
      /*bucket_bytes_cap_list=*/std::vector<int64_t>()
#endif
  );
  if (options.fp16) {
    reducer->register_builtin_comm_hook(
        c10d::BuiltinCommHookType::FP16_COMPRESS);
  }
  return reducer;
}

}  // namespace

struct GradientReducer::Implementation {
  World world;
  std::shared_ptr<c10d::Reducer> reducer;  ///< null of one process
};

GradientReducer::GradientReducer(
    const Communicator& communicator,
    const std::vector<std::pair<std::string, torch::Tensor>>& parameters,
    const GradientReducerOptions& options)
    : implementation_(std::make_unique<Implementation>()) {
  implementation_->world = communicator.world();
  if (communicator.size() == 1) return;
  implementation_->reducer =
      make_reducer(communicator.implementation_->group, parameters, options);
}

GradientReducer::~GradientReducer() {
  if (implementation_->reducer) {
    implementation_->reducer->remove_autograd_hooks();
  }
}

void GradientReducer::backward(const torch::Tensor& loss) {
  if (!implementation_->reducer) return loss.backward();
  try {
    implementation_->reducer->prepare_for_backward({});
    loss.backward();
  } catch (const std::exception& error) {
    throw_lost(implementation_->world, "averaging gradients", error);
  }
}

}  // namespace unimiss::distributed
