#include "unimiss/task/final_weights.h"

#include <filesystem>

namespace unimiss::task {

std::string final_weights_file(const std::string& folder,
                               const FinalWeightOptions& options) {
  namespace fs = std::filesystem;
  const std::string weights = folder + "/export/";
  std::string last = weights + "last.safetensors";
  std::string best = weights + "best.safetensors";
  std::string average = weights + "last_average.safetensors";
  if (!fs::exists(last)) return last;
  if (options.final_weights == FinalWeights::kBest && fs::exists(best)) {
    return best;
  }
  return options.average_decay > 0 ? average : last;
}

}  // namespace unimiss::task
