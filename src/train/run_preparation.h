#pragma once

#include <torch/types.h>

#include <map>
#include <string>

#include "unimiss/core/error.h"
#include "unimiss/train/checkpoint.h"
#include "unimiss/train/run_folder.h"
#include "unimiss/train/run_options.h"

/// What every run looks at before its first step.
namespace unimiss::train {

/// Takes over the number of threads. Throws ConfigError for a precision that
/// the device cannot do.
void set_up_process(const RunOptions& options, torch::Device device);

/// LibTorch's own draws (drop path) become a function of seed and step.
void seed_step(const RunOptions& options, int64_t step);

/// Throws ConfigError for a folder that cannot be written; keeps other
/// processes out of one that is there, which could take its checkpoint further
/// meanwhile.
void take_folder(RunFolder& folder);

/// What every checkpoint says of where it comes from.
std::map<std::string, std::string> checkpoint_texts(
    const std::string& config_text, torch::Device device);

/// Says so where threads or device are others than a checkpoint's.
void warn_of_rounding(const Checkpoint& start, torch::Device device);

/// Throws ConfigError, naming the key data.`kind`, where the files of that kind
/// are not those a checkpoint was made with.
void check_files(const Checkpoint& start, const char* kind,
                 const std::string& fingerprint);

/// What was found bad before training is the user's to correct: a DataError of
/// work() becomes a ConfigError.
template <class Work>
auto before_training(const Work& work) {
  try {
    return work();
  } catch (const DataError& error) {
    throw ConfigError(error.what());
  }
}

}  // namespace unimiss::train
