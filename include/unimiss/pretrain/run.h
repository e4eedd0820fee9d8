#pragma once

#include "unimiss/pretrain/config.h"
#include "unimiss/pretrain/history.h"
#include "unimiss/train/resume.h"

namespace unimiss::pretrain {

/// Throws ConfigError where so many processes cannot share the batches of a run
/// equally.
void check_processes(const PretrainConfig& config, int64_t processes);

/// Runs a pretraining to its end, from where its folder (run.output) says it
/// was, and writes that folder: see RunFolder.
///
/// A run that was stopped at any step and goes on has the same losses and
/// weights, bit for bit, as one that was not (on the CPU, with the same number
/// of threads): every step is a function of the state and of its own number.
///
/// Throws ConfigError for what is found bad before the first step: the
/// configuration, lists, files, the folder. Preempted after it was asked to
/// stop (signal, time limit) and has saved. Another Error when it cannot go on;
/// it has then saved the last good step where that was possible.
Summary run_pretraining(const PretrainConfig& config,
                        train::RunRequest request);

}  // namespace unimiss::pretrain
