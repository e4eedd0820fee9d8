#pragma once

#include <torch/types.h>

#include <vector>

#include "unimiss/eval/sliding_window.h"
#include "unimiss/task/task.h"

/// Whole cases from windows.
namespace unimiss::task {

/// The scores of a case on the grid that the network sees: logits [K] at each
/// place, or, of a classification, the probabilities of the windows there. The
/// result refers to the task and to the case.
eval::SlidingWindow score_windows(Task& task, const NetworkCase& of);

/// Prediction::map.
torch::Tensor predict_map(Task& task, const NetworkCase& of);

/// Prediction::probabilities.
std::vector<double> predict_classes(Task& task, const NetworkCase& of);

}  // namespace unimiss::task
