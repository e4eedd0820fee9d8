#pragma once

#include <string>
#include <vector>

#include "unimiss/augment/sample.h"
#include "unimiss/distributed/communicator.h"
#include "unimiss/train/run_folder.h"
#include "unimiss/train/run_options.h"
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

/// Such a step, and what it was given.
struct NonFiniteStep {
  const StepRecord& record;
  const augment::Sample& batch;
  std::vector<std::string> samples;
};

/// Of all processes: writes it down below `folder`, the run's, and says that it
/// is skipped. It is the count-th of the run. Throws RunError where that ends
/// it, by run.on_nonfinite or run.max_nonfinite.
void pass_over_nonfinite(const distributed::Communicator& communicator,
                         const RunOptions& options, const RunFolder& folder,
                         const NonFiniteStep& step, int64_t count);

}  // namespace unimiss::train
