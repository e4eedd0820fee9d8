#include "finetune/initial_weights.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <filesystem>

#include "unimiss/core/error.h"
#include "unimiss/core/log.h"
#include "unimiss/io/tensor_archive.h"
#include "unimiss/model/weight_transfer.h"
#include "unimiss/train/weight_file.h"

namespace unimiss::finetune {
namespace {

namespace fs = std::filesystem;

const char* verb(model::Transfer transfer) {
  switch (transfer) {
    case model::Transfer::kLoaded:
      return "loaded";
    case model::Transfer::kResampled:
      return "resampled";
    case model::Transfer::kMissing:
      return "MISSING";
    case model::Transfer::kUnexpected:
      return "unexpected";
  }
  return "?";
}

void tell(const std::string& file, const model::TransferReport& report) {
  for (const auto& item : report.items) {
    log_to_file_only(fmt::format("weights: {:<10} {} {}", verb(item.transfer),
                                 item.name, item.detail));
  }
  log_info(fmt::format(
      "weights of {}: {} tensors loaded, {} resampled, {} missing, {} "
      "unexpected; {:.1f} % of the backbone",
      file, report.count(model::Transfer::kLoaded),
      report.count(model::Transfer::kResampled),
      report.count(model::Transfer::kMissing),
      report.count(model::Transfer::kUnexpected), 100 * report.coverage));
}

}  // namespace

std::string initial_weights_file(const InitOptions& init) {
  std::error_code ignored;
  if (!fs::is_directory(init.weights, ignored)) return init.weights;
  std::string file = init.weights + "/export/" +
                     std::string(enum_name(init.network)) + ".safetensors";
  if (!fs::exists(file, ignored)) {
    throw DataError(init.weights,
                    "holds no export/" + std::string(enum_name(init.network)) +
                        ".safetensors; name the folder of a pretraining that "
                        "has finished, or a file");
  }
  return file;
}

void load_initial_weights(const InitOptions& init, torch::nn::Module& network) {
  if (init.from_scratch) return;
  const std::string file = initial_weights_file(init);
  const io::TensorMap weights = io::load_tensors(file);
  const model::PretrainedSizes sizes = train::pretrained_sizes(file);
  model::TransferReport report;
  try {
    report = model::transfer_weights(weights, sizes, network);
  } catch (const c10::Error& misfit) {
    throw DataError(file, std::string("does not fit this network: ") +
                              misfit.what_without_backtrace() +
                              "; set model.* as in the pretraining");
  }
  tell(file, report);
  if (report.coverage < init.min_coverage) {
    throw DataError(
        file,
        fmt::format("holds {:.1f} % of the backbone (init.min_coverage asks "
                    "for {:.1f} %); are these the weights of such a network?",
                    100 * report.coverage, 100 * init.min_coverage));
  }
}

}  // namespace unimiss::finetune
