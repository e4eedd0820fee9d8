#include "unimiss/train/run_loop.h"

#include <ATen/Context.h>
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <map>
#include <utility>

#include "train/batch_feed.h"
#include "train/nonfinite_record.h"
#include "train/run_writer.h"
#include "unimiss/core/crash_point.h"
#include "unimiss/core/device.h"
#include "unimiss/core/log.h"

namespace unimiss::train {

RunLoop::RunLoop(const RunOptions& options, const RunRequest& request)
    : options_(options),
      request_(request),
      stop_(options.stop_signals, 60 * options.time_limit),
      communicator_(join_processes(options)),
      checkpoints_(options.output + "/checkpoints",
                   {options.keep_checkpoints, options.keep_every_steps}),
      writer_(std::make_unique<RunWriter>(options_, request_, checkpoints_)),
      feed_(std::make_unique<BatchFeed>()) {
  agreed([&] {
    folder_ = std::make_unique<RunFolder>(options.output);
    if (leads()) folder_->require_writable();
  });
}

RunLoop::~RunLoop() = default;

RunOutput& RunLoop::output() { return *writer_->output(); }

Beginning RunLoop::beginning() {
  Beginning beginning;
  agreed([&] {
    beginning = begin_run(options_, request_, *folder_, checkpoints_,
                          communicator_.world());
  });
  if (beginning.start) {
    start_ = *beginning.start;
    start_.tensors.clear();
  }
  at::manual_seed(static_cast<uint64_t>(options_.seed));
  return beginning;
}

void RunLoop::run(Training& training) {
  begin(training, no_history_);
  train(training);
}

void RunLoop::begin(Training& training, RunHistory& history) {
  agreed(
      [&] { check_start(start_, training.total_steps(), training.device()); });
  // All have looked at the folder, and found the same.
  std::map<std::string, std::string> texts{
      {"configuration", request_.config_text},
      {"checkpoint", std::to_string(training.step())}};
  for (const auto& [name, fact] : training.facts()) texts[name] = fact;
  if (communicator_.size() > 1) {
    const Checkpoint start = training.checkpoint();
    for (const auto& [name, count] : start.counters) {
      texts["counter " + name] = std::to_string(count);
    }
    distributed::check_same_texts(communicator_, texts);
    // What a checkpoint holds is compared before the first step.
    std::vector<torch::Tensor> tensors;
    for (const auto& [name, tensor] : start.tensors) tensors.push_back(tensor);
    if (training.step() == 0) communicator_.broadcast(tensors);
  }
  writer_->set_state_bytes(training.state_bytes());
  if (training.step() > 0) writer_->set_saved();
  agreed([&] {
    if (leads()) open_folder(training, history);
  });
  if (leads() && training.finished()) log_info("this run is finished already");
}

void RunLoop::open_folder(Training& training, RunHistory& history) {
  if (!folder_->begun()) folder_->lock();
  Facts facts = facts_of_process(request_.command);
  facts.emplace_back("device", training.device().str());
  facts.emplace_back("processes", std::to_string(communicator_.size()));
  facts.emplace_back("from_step", std::to_string(training.step()));
  for (auto& fact : training.facts()) facts.push_back(std::move(fact));
  const auto& resume = request_.resume;
  const bool branches = resume.mode == ResumeRequest::Mode::kFrom;
  folder_->begin(facts, request_.config_text, branches ? resume.path : "");
  before_work([&] {
    require_space(folder_->path(),
                  training.state_bytes() + training.result_bytes());
    // From here on the run does not need the other one any more.
    if (branches && checkpoints_.steps().empty()) {
      checkpoints_.save(writer_->checkpoint_of(training));
    }
    writer_->open(std::make_unique<RunOutput>(*folder_, training.step(),
                                              training.total_steps(), history));
  });
}

void RunLoop::train(Training& training) {
  if (training.finished()) {
    stop_.begin();  // what comes after can be asked to stop
    return;
  }
  const int64_t begun_at = writer_->version();
  try {
    agreed([&] {
      training.start();
      if (leads()) writer_->start_checkpoints();
    });
    check_same_state(training, "before the first step");
    stop_.begin();
    while (!training.finished()) {
      take_step(training);
      const distributed::Agreement next = agreed(
          [&] { writer_->check(); }, writer_->checkpoint_due(training.step()),
          {times_.whole, times_.data, times_.others});
      note_times(next);
      if (next.stop && !training.finished()) preempt(training, *next.stop);
      if (training.pending()) continue;
      if (training.finished() || next.save) save(training);
    }
    log_progress("", "");
    agreed([&] { writer_->wait(); });
  } catch (const Preempted&) {
    throw;
  } catch (const distributed::LostProcess& error) {
    // It may have been asked to stop, too, when it had not begun yet.
    const auto stop = stop_.reason(0);
    if (stop && writer_->version() == begun_at) {
      log_warning(error.what());
      throw Preempted(
          fmt::format("stopped by {} before training began", *stop));
    }
    writer_->save_what_there_is(training);
    throw;
  } catch (...) {
    writer_->save_what_there_is(training);
    if (distributed::failed_together()) await_others();
    throw;
  }
}

/// Launchers may end all processes with the first one that ends.
void RunLoop::await_others() const {
  try {
    communicator_.barrier();
  } catch (const distributed::LostProcess& error) {
    log_warning(error.what());
  }
}

/// Does work that may fail on this process alone, and hears of all others.
template <class Work>
distributed::Agreement RunLoop::agreed(const Work& work, bool save,
                                       std::vector<double> tells) const {
  distributed::Opinion opinion;
  try {
    work();
  } catch (...) {
    opinion.failure = std::current_exception();
  }
  opinion.stop = stop_.reason(slowest_ + writer_->seconds_to_save());
  opinion.save = save;
  opinion.tells = std::move(tells);
  return distributed::agree(communicator_, opinion);
}

void RunLoop::take_pending(Training& training) {
  const auto asked = [&] {
    return stop_.reason(writer_->seconds_to_save()).has_value();
  };
  agreed([&] { writer_->write_record(); });
  training.do_pending(asked, writer_->output());
  if (!training.pending()) writer_->changed();
}

/// Or what is due before it.
void RunLoop::take_step(Training& training) {
  if (training.pending()) return take_pending(training);
  const Stopwatch whole;
  const double waited = communicator_.waited();
  data::Loader& stream = training.stream(0);
  const int64_t ready = feed_->ready(stream), number = feed_->position(stream);
  augment::Sample batch;
  double wait = 0;
  agreed([&] {
    writer_->write_record();
    batch = feed_->next(stream, training.device());
    if (training.step() + 1 < training.total_steps()) {
      feed_->prefetch(training.stream(1), training.device());
    }
    wait = whole.seconds();
  });
  seed_step(options_, training.step(), communicator_.rank());
  writer_->set_torn();
  TakenStep taken;
  try {
    taken = training.take_step(batch);
  } catch (const distributed::LostProcess&) {
    writer_->set_whole();  // nothing has changed
    throw;
  }
  auto& [record, outcome] = taken;
  record.step = training.step() + 1;
  tell_of(outcome, record);
  if (outcome == StepOutcome::kNonFinite) {
    writer_->set_whole();  // nothing has changed
    const int64_t count = training.nonfinite() + 1;
    pass_over_nonfinite(communicator_, options_, *folder_,
                        {record, batch, stream.samples_of(number)}, count);
    training.nonfinite() = count;
  }
  crash_at(CrashPoint::kStepTaken);
  training.advance();
  writer_->changed();
  record.samples = augment::rows_of(batch) * communicator_.size();
  record.seconds = whole.seconds();
  record.wait_seconds = wait;
  record.queue_depth = ready;
  record.peak_memory_mb = peak_memory_mb(training.device());
  slowest_ = std::max(slowest_, record.seconds);
  times_ = {record.seconds, wait, communicator_.waited() - waited};
  writer_->record() = std::move(record);
  writer_->set_whole();
}

/// What a step that changed nothing was.
void RunLoop::tell_of(StepOutcome outcome, StepRecord& record) const {
  if (outcome == StepOutcome::kOverflow) {
    record.skipped = kSkippedOverflow;
  } else if (outcome == StepOutcome::kNonFinite) {
    record.skipped = kSkippedNonFinite;
  } else if (outcome == StepOutcome::kSpike) {
    record.skipped = kSkippedSpike;
    if (!leads()) return;
    log_warning(fmt::format(
        "step {} ({}): loss {:.4f} or gradient norm {:.3f} stand out; the "
        "step is skipped (optimizer.skip_spikes)",
        record.step, record.phase, record.loss, record.grad_norm));
  }
}

/// Of all processes in the step that was taken.
void RunLoop::note_times(const distributed::Agreement& agreement) {
  if (!writer_->record()) return;
  std::vector<ProcessTimes> times;
  for (const auto& each : agreement.told) {
    times.push_back({each[0], each[1], each[2]});
  }
  StepRecord& record = *writer_->record();
  record.processes = spread_of(times, record.samples);
}

/// Between processes; a state of which they have several is none.
void RunLoop::check_same_state(const Training& training,
                               const std::string& when) {
  if (communicator_.size() == 1) return;
  writer_->set_torn();
  distributed::check_same_tensors(communicator_, training.checkpoint().tensors,
                                  when);
  writer_->set_whole();
}

void RunLoop::save(Training& training) {
  if (writer_->is_saved()) return;
  check_same_state(training, fmt::format("after step {}", training.step()));
  agreed([&] { writer_->write(training); });
  writer_->set_saved();
  writer_->restart_clock();
}

void RunLoop::preempt(Training& training, const std::string& why) {
  log_progress("", "");
  save(training);
  // Launchers may end all processes with the first one that ends.
  agreed([&] { writer_->wait(); });
  const bool never = request_.resume.mode == ResumeRequest::Mode::kNever;
  throw Preempted(fmt::format(
      "stopped by {} after step {} of {}, which is saved; run the same "
      "command again{} to go on",
      why, training.step(), training.total_steps(),
      never ? ", with --resume auto," : ""));
}

}  // namespace unimiss::train
