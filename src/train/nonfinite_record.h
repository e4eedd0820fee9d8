#pragma once

#include <string>
#include <vector>

#include "unimiss/data/views.h"
#include "unimiss/train/step_record.h"

namespace unimiss::train {

/// Writes down a step whose loss or gradient was not finite, to look at and to
/// repeat: `step_00000042.json` (the record, and which samples it was) and the
/// views themselves, `step_00000042.safetensors`. Returns the first file.
std::string write_nonfinite(const std::string& folder, const StepRecord& record,
                            const data::Views& batch,
                            const std::vector<std::string>& samples);

}  // namespace unimiss::train
