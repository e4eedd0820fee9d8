#include "distributed/nccl_backend.h"

#include <cstdlib>
#include <string>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>

#include "unimiss/core/error.h"
#ifdef UNIMISS_CUDA
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

namespace unimiss::distributed {

c10::intrusive_ptr<c10d::Backend> make_nccl_backend(
    [[maybe_unused]] const c10::intrusive_ptr<c10d::Store>& store,
    [[maybe_unused]] const World& world, [[maybe_unused]] torch::Device device,
    [[maybe_unused]] std::chrono::seconds timeout) {
#ifdef UNIMISS_CUDA
  // A collective that fails must not end the process: it has to save.
  constexpr int kKeepWhatIsSet = 0;
  const std::string clean_up_only =
      std::to_string(static_cast<int>(c10d::CleanUpOnly));
  setenv("TORCH_NCCL_ASYNC_ERROR_HANDLING", clean_up_only.c_str(),
         kKeepWhatIsSet);
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = timeout;
  auto backend = c10::make_intrusive<c10d::ProcessGroupNCCL>(
      c10::make_intrusive<c10d::PrefixStore>("nccl", store),
      static_cast<int>(world.rank), static_cast<int>(world.size), options);
  // The communicator is made now, on this GPU, and not in the first step.
  backend->eagerConnectSingleDevice(device);
  return backend;
#else
  throw ConfigError(
      "run.device: this build has no CUDA, so GPUs cannot train together");
#endif
}

}  // namespace unimiss::distributed
