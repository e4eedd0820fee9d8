#include "unimiss/core/device.h"

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <malloc.h>
#include <sys/resource.h>
#include <torch/version.h>

#include <fstream>

#ifdef UNIMISS_CUDA
#include <cuda_runtime_api.h>
#endif

#include "unimiss/core/error.h"

namespace unimiss {

std::string gpu_problem(std::pair<int, int> torch,
                        std::pair<int, int> capability) {
  // The oldest GPU a wheel has code for: 2.10 (CUDA 12.8) Volta, later ones
  // (CUDA 13) Turing.
  const bool cuda12 = torch <= std::pair{2, 10};
  const std::pair<int, int> oldest = cuda12 ? std::pair{7, 0} : std::pair{7, 5};
  if (capability >= oldest) return "";
  auto text = [](const std::pair<int, int>& version) {
    return std::to_string(version.first) + "." + std::to_string(version.second);
  };
  const std::string problem = "LibTorch " + text(torch) +
                              " has no code for this GPU (compute capability " +
                              text(capability) + ", it needs " + text(oldest) +
                              " or newer); ";
  return capability >= std::pair{7, 0}
             ? problem +
                   "run scripts/install_torch.sh --cuda --version 2.10.0 and "
                   "build again with cmake --preset cuda"
             : problem + "use run.device=cpu";
}

namespace {

#ifdef UNIMISS_CUDA
void check_gpu(int gpu) {
  int major = 0, minor = 0;
  if (cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, gpu) !=
          cudaSuccess ||
      cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, gpu) !=
          cudaSuccess) {
    throw ConfigError("run.device: the GPU's properties cannot be read");
  }
  const std::string problem =
      gpu_problem({TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR}, {major, minor});
  if (!problem.empty()) throw ConfigError("run.device: " + problem);
  try {
    // A LibTorch of the user's own may have less code than the wheels.
    at::ones({1}, torch::kCUDA).add_(1).item<float>();
  } catch (const c10::Error&) {
    throw ConfigError(
        "run.device: a first kernel failed on the GPU (this LibTorch has no "
        "code for it, or the driver is too old); run scripts/install_torch.sh "
        "--cuda and build again with cmake --preset cuda");
  }
}
#endif

/// How many GPUs there are for so many processes; 0: the CPU is used.
int64_t gpus_for(DeviceChoice choice, [[maybe_unused]] int64_t processes) {
  if (choice == DeviceChoice::kCpu) return 0;
#ifdef UNIMISS_CUDA
  if (at::hasCUDA() && at::getNumGPUs() > 0) {
    const auto gpus = static_cast<int64_t>(at::getNumGPUs());
    if (processes > gpus) {
      throw ConfigError("run.device: this machine has " + std::to_string(gpus) +
                        (gpus == 1 ? " GPU" : " GPUs") + " for " +
                        std::to_string(processes) +
                        " processes; start at most one process a GPU, or use "
                        "run.device=cpu");
    }
    return gpus;
  }
  int count = 0;
  if (cudaGetDeviceCount(&count) == cudaErrorInsufficientDriver) {
    throw ConfigError(
        "run.device: the GPU's driver is too old for this LibTorch; update the "
        "driver, or run scripts/install_torch.sh --cuda --version 2.10.0 and "
        "build again with cmake --preset cuda, or use run.device=cpu");
  }
  const char* why =
      "no GPU is visible (nvidia-smi shows what the driver sees); use "
      "run.device=cpu, or repair the driver";
#else
  const char* why =
      "this build has no CUDA; run scripts/install_torch.sh --cuda and build "
      "with cmake --preset cuda, or use run.device=cpu";
#endif
  if (choice == DeviceChoice::kCuda) {
    throw ConfigError(std::string("run.device: ") + why);
  }
  return 0;
}

}  // namespace

int64_t peak_memory_mb(torch::Device device) {
  if (device.is_cuda()) {
    auto* allocator = c10::getDeviceAllocator(device.type());
    return allocator->getDeviceStats(device.has_index() ? device.index() : 0)
               .allocated_bytes[0]
               .peak >>
           20;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

void reset_peak_memory(torch::Device device) {
  if (device.is_cuda()) {
    c10::getDeviceAllocator(device.type())
        ->resetPeakStats(device.has_index() ? device.index() : 0);
    return;
  }
  malloc_trim(0);
  // Linux: "5" resets the peak of the resident size.
  std::ofstream("/proc/self/clear_refs") << "5";
}

torch::Device choose_device(DeviceChoice choice, int64_t local_rank) {
  if (gpus_for(choice, local_rank + 1) == 0) return torch::kCPU;
#ifdef UNIMISS_CUDA
  // What runs on "the GPU" of this process is on this one.
  cudaSetDevice(static_cast<int>(local_rank));
  check_gpu(static_cast<int>(local_rank));
#endif
  return {torch::kCUDA, static_cast<torch::DeviceIndex>(local_rank)};
}

void check_device(DeviceChoice choice, int64_t processes) {
  gpus_for(choice, processes);
}

}  // namespace unimiss
