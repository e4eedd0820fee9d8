#pragma once

#include <torch/types.h>

#include <array>
#include <string>
#include <utility>

#include "unimiss/core/fields.h"

namespace unimiss {

enum class DeviceChoice { kAuto, kCpu, kCuda };

/// The device a run uses. kAuto: the GPU where the build and the machine have
/// one, else the CPU. local_rank: of the processes of this machine, which take
/// one GPU each.
/// Throws ConfigError, naming the command that helps, when a GPU is asked for
/// and there is none, the build has no CUDA, the installed LibTorch has no
/// code for this GPU, or there are more processes than GPUs.
torch::Device choose_device(DeviceChoice choice, int64_t local_rank = 0);

/// Throws what choose_device() would on one of so many processes of this
/// machine, as far as it is known without touching a GPU.
void check_device(DeviceChoice choice, int64_t processes);

/// The most memory that was in use at once, MiB: of LibTorch's tensors on a
/// GPU, of the whole process on a CPU.
int64_t peak_memory_mb(torch::Device device);

/// Begins to measure it anew, as far as the system allows: memory that is kept
/// for later counts on.
void reset_peak_memory(torch::Device device);

/// Why this LibTorch cannot run on a GPU of that compute capability, and the
/// command that fixes it; empty when it can.
/// torch: (major, minor) of the LibTorch; a V100 is (7, 0).
std::string gpu_problem(std::pair<int, int> torch,
                        std::pair<int, int> capability);

}  // namespace unimiss

template <>
struct unimiss::EnumNames<unimiss::DeviceChoice> {
  static constexpr std::array kNames{
      std::pair{unimiss::DeviceChoice::kAuto, "auto"},
      std::pair{unimiss::DeviceChoice::kCpu, "cpu"},
      std::pair{unimiss::DeviceChoice::kCuda, "cuda"}};
};
