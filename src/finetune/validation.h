#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "unimiss/data/case_cache.h"
#include "unimiss/distributed/communicator.h"
#include "unimiss/report/results.h"
#include "unimiss/task/task.h"

namespace unimiss::finetune {

/// Predicts cases with each network and compares them with their references, on
/// the cases' own grids; every file is read once. The processes of a run divide
/// the cases, and all have the results, in the cases' order. Label maps are
/// written to the folder, if one is named, of one network alone. The results of
/// each network, or nothing where a process was asked to stop. What one fails
/// at fails on all (RunError and ConfigError, naming the process). Throws
/// LostProcess.
std::optional<std::vector<report::Results>> evaluate(
    const distributed::Communicator& communicator,
    const std::vector<task::Task*>& networks, const data::CaseCache& cases,
    const std::vector<int64_t>& numbers,
    const std::function<bool()>& asked_to_stop,
    const std::string& predictions_folder = "");

}  // namespace unimiss::finetune
