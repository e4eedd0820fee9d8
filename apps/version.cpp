#include "version.h"

#include <ATen/Version.h>
#include <fmt/format.h>
#include <torch/version.h>

namespace unimiss {

std::string version_text() {
#ifdef UNIMISS_CUDA
  constexpr const char* kCuda = "yes";
#else
  constexpr const char* kCuda = "no";
#endif
  return fmt::format(
      "unimiss {} (commit {})\nLibTorch {}\nCUDA {}\nCPU capability {}",
      UNIMISS_VERSION, source_commit(), TORCH_VERSION, kCuda,
      at::get_cpu_capability());
}

}  // namespace unimiss
