#pragma once

#include <string>
#include <vector>

#include "unimiss/augment/sample.h"
#include "unimiss/distributed/communicator.h"
#include "unimiss/train/step_record.h"

namespace unimiss::train {

/// A sample of a batch, and whether its tensors hold finite numbers alone.
struct JudgedSample {
  std::string sample;
  bool finite = true;
};

/// The samples of a batch of which each process holds a share, by process.
std::vector<JudgedSample> judge_samples(
    const distributed::Communicator& communicator, const augment::Sample& batch,
    const std::vector<std::string>& samples);

/// Writes down a step whose loss or gradient was not finite, to look at and to
/// repeat: `step_00000042.json` (the record, and which samples it was) and the
/// samples themselves, of several processes those of the first one,
/// `step_00000042.safetensors`, a tensor for each role. Returns the first file.
std::string write_nonfinite(const std::string& folder, const StepRecord& record,
                            const augment::Sample& batch,
                            const std::vector<JudgedSample>& samples);

}  // namespace unimiss::train
