#include "unimiss/train/run_loop.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <map>
#include <sstream>
#include <thread>
#include <utility>

#include "unimiss/core/crash_point.h"
#include "unimiss/core/device.h"
#include "unimiss/core/log.h"
#include "unimiss/train/nonfinite_record.h"
#include "unimiss/train/run_preparation.h"

namespace unimiss::train {
RunLoop::RunLoop(const RunOptions& options, const RunRequest& request)
    : options_(options),
      request_(request),
      stop_(options.stop_signals, 60 * options.time_limit),
      communicator_(join_processes(options)),
      checkpoints_(options.output + "/checkpoints",
                   {options.keep_checkpoints, options.keep_every_steps}) {
  agreed([&] {
    folder_ = std::make_unique<RunFolder>(options.output);
    if (leads()) folder_->require_writable();
  });
}

void RunLoop::begin(Training& training, RunHistory& history) {
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
  state_bytes_ = training.state_bytes();
  if (training.step() > 0) saved_ = version_;
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
    require_space(folder_->path(), state_bytes_ + training.result_bytes());
    // From here on the run does not need the other one any more.
    if (branches && checkpoints_.steps().empty()) {
      checkpoints_.save(training.checkpoint());
    }
    output_ = std::make_unique<RunOutput>(*folder_, training.step(),
                                          training.total_steps(), history);
  });
}

void RunLoop::train(Training& training) {
  if (training.finished()) {
    stop_.begin();  // what comes after can be asked to stop
    return;
  }
  const int64_t begun_at = version_;
  try {
    agreed([&] {
      training.start();
      if (leads()) writer_ = std::make_unique<CheckpointWriter>(checkpoints_);
    });
    check_same_state(training, "before the first step");
    stop_.begin();
    while (!training.finished()) {
      take_step(training);
      const distributed::Agreement next = agreed(
          [&] {
            if (writer_) writer_->check();
          },
          checkpoint_due(training.step()),
          {times_.whole, times_.data, times_.others});
      note_times(next);
      if (next.stop && !training.finished()) preempt(training, *next.stop);
      if (training.pending()) continue;
      if (training.finished() || next.save) save(training);
    }
    log_progress("", "");
    agreed([&] { wait_for_writer(); });
  } catch (const Preempted&) {
    throw;
  } catch (const distributed::LostProcess& error) {
    // It may have been asked to stop, too, when it had not begun yet.
    const auto stop = stop_.reason(0);
    if (stop && version_ == begun_at) {
      log_warning(error.what());
      throw Preempted(
          fmt::format("stopped by {} before training began", *stop));
    }
    save_what_there_is(training);
    throw;
  } catch (...) {
    save_what_there_is(training);
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
  opinion.stop = stop_.reason(slowest_ + seconds_to_save());
  opinion.save = save;
  opinion.tells = std::move(tells);
  return distributed::agree(communicator_, opinion);
}

void RunLoop::take_pending(Training& training) {
  const auto asked = [&] {
    return stop_.reason(seconds_to_save()).has_value();
  };
  agreed([&] { write_record(); });
  training.do_pending(asked, output_.get());
  if (!training.pending()) ++version_;
}

/// Or what is due before it.
void RunLoop::take_step(Training& training) {
  if (training.pending()) return take_pending(training);
  const Stopwatch whole;
  const double waited = communicator_.waited();
  data::Loader& stream = training.stream(0);
  const int64_t ready = feed_.ready(stream), number = feed_.position(stream);
  augment::Sample batch;
  double wait = 0;
  agreed([&] {
    write_record();
    batch = feed_.next(stream, training.device());
    if (training.step() + 1 < training.total_steps()) {
      feed_.prefetch(training.stream(1), training.device());
    }
    wait = whole.seconds();
  });
  seed_step(options_, training.step(), communicator_.rank());
  whole_ = false;
  TakenStep taken;
  try {
    taken = training.take_step(batch);
  } catch (const distributed::LostProcess&) {
    whole_ = true;  // nothing has changed
    throw;
  }
  auto& [record, outcome] = taken;
  record.step = training.step() + 1;
  if (outcome == StepOutcome::kOverflow) {
    record.skipped = kSkippedOverflow;
  } else if (outcome == StepOutcome::kSpike) {
    record.skipped = kSkippedSpike;
    if (leads()) {
      log_warning(fmt::format(
          "step {} ({}): loss {:.4f} or gradient norm {:.3f} stand out; the "
          "step is skipped (optimizer.skip_spikes)",
          record.step, record.phase, record.loss, record.grad_norm));
    }
  } else if (outcome == StepOutcome::kNonFinite) {
    record.skipped = kSkippedNonFinite;
    whole_ = true;  // nothing has changed
    not_finite(training, record, batch, stream.samples_of(number));
  }
  crash_at(CrashPoint::kStepTaken);
  training.advance();
  ++version_;
  record.samples = augment::rows_of(batch) * communicator_.size();
  record.seconds = whole.seconds();
  record.wait_seconds = wait;
  record.queue_depth = ready;
  record.peak_memory_mb = peak_memory_mb(training.device());
  slowest_ = std::max(slowest_, record.seconds);
  times_ = {record.seconds, wait, communicator_.waited() - waited};
  record_ = std::move(record);
  whole_ = true;
}

/// Of all processes in the step that was taken.
void RunLoop::note_times(const distributed::Agreement& agreement) {
  if (!record_) return;
  std::vector<ProcessTimes> times;
  for (const auto& each : agreement.told) {
    times.push_back({each[0], each[1], each[2]});
  }
  record_->processes = spread_of(times, record_->samples);
}

void RunLoop::write_record() {
  if (!record_) return;
  if (output_) {
    // Half a record must not be followed by a checkpoint.
    whole_ = false;
    output_->add(*record_);
    whole_ = true;
    crash_at(CrashPoint::kRecordWritten);
  }
  record_.reset();
}

/// Nothing has changed: writes down what it was, and ends the run or not.
void RunLoop::not_finite(Training& training, const StepRecord& record,
                         const augment::Sample& batch,
                         const std::vector<std::string>& samples) const {
  const auto all = judge_samples(communicator_, batch, samples);
  std::string file;
  agreed([&] {
    if (!leads()) return;
    file = write_nonfinite(folder_->file("nonfinite"), record, batch, all);
  });
  const std::string what = fmt::format(
      "step {} ({}): loss {} or gradient norm {} is not finite; its samples "
      "are in {}",
      record.step, record.phase, record.loss, record.grad_norm,
      communicator_.gather(file)[0]);
  const int64_t count = training.nonfinite() + 1;
  agreed([&] {
    if (options_.on_nonfinite == OnNonFinite::kStop) {
      throw RunError(what +
                     ". The run has diverged, or a sample holds such values: "
                     "lower optimizer.lr, correct the sample, or go on with "
                     "run.on_nonfinite=skip");
    }
    if (count > options_.max_nonfinite) {
      throw RunError(fmt::format(
          "{}. That makes {} such steps, run.max_nonfinite allows {}: lower "
          "optimizer.lr, or train in fp32",
          what, count, options_.max_nonfinite));
    }
  });
  training.nonfinite() = count;
  if (leads()) log_warning(what + "; the step is skipped");
}

bool RunLoop::checkpoint_due(int64_t step) const {
  return (options_.checkpoint_every_steps > 0 &&
          step % options_.checkpoint_every_steps == 0) ||
         (options_.checkpoint_every_minutes > 0 &&
          since_save_.seconds() >= 60 * options_.checkpoint_every_minutes);
}

/// Until one has been written, as if at 100 MB a second.
double RunLoop::seconds_to_save() const {
  const double measured = writer_ ? writer_->seconds() : 0;
  const double guess = static_cast<double>(state_bytes_) / 1e8;
  return 2 * (measured > 0 ? measured : guess) + 1;
}

/// Between processes; a state of which they have several is none.
void RunLoop::check_same_state(const Training& training,
                               const std::string& when) {
  if (communicator_.size() == 1) return;
  whole_ = false;
  distributed::check_same_tensors(communicator_, training.checkpoint().tensors,
                                  when);
  whole_ = true;
}

void RunLoop::save(Training& training) {
  if (saved_ == version_) return;
  check_same_state(training, fmt::format("after step {}", training.step()));
  agreed([&] { write(training); });
  saved_ = version_;
  since_save_.restart();
}

/// Of the process that leads alone.
void RunLoop::write(Training& training) {
  write_record();
  if (!leads()) return;
  // The records must not be behind the weights.
  output_->sync();
  try {
    writer_->submit(training.checkpoint());
  } catch (...) {
    saved_ = -1;
    throw;
  }
  output_->draw();
}

void RunLoop::wait_for_writer() {
  if (!writer_) return;
  try {
    writer_->finish();
  } catch (...) {
    saved_ = -1;
    throw;
  }
}

void RunLoop::preempt(Training& training, const std::string& why) {
  log_progress("", "");
  save(training);
  // Launchers may end all processes with the first one that ends.
  agreed([&] { wait_for_writer(); });
  const bool never = request_.resume.mode == ResumeRequest::Mode::kNever;
  throw Preempted(fmt::format(
      "stopped by {} after step {} of {}, which is saved; run the same "
      "command again{} to go on",
      why, training.step(), training.total_steps(),
      never ? ", with --resume auto," : ""));
}

/// After a failure: the state may still be that of the last good step.
void RunLoop::save_what_there_is(Training& training) {
  log_progress("", "");
  if (!writer_ || training.step() == 0) return;
  if (!whole_) {
    log_warning(
        "weights and records are not those of a whole step: what came after "
        "the last checkpoint is not saved");
    return;
  }
  try {
    // What failed may have been the writing of an earlier one.
    try {
      wait_for_writer();
    } catch (const std::exception&) {
    }
    if (saved_ != version_) write(training);
    saved_ = version_;
    wait_for_writer();
    log_info(fmt::format(
        "nothing is lost up to step {}: once its cause is mended, the same "
        "command goes on from there",
        training.step()));
  } catch (const std::exception& error) {
    log_warning(std::string("the last steps could not be saved: ") +
                error.what());
  }
}

}  // namespace unimiss::train
