#include "unimiss/train/pretraining_run.h"

#include <ATen/Context.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <memory>
#include <optional>

#include "train/nonfinite_record.h"
#include "train/run_output.h"
#include "train/run_preparation.h"
#include "unimiss/core/log.h"
#include "unimiss/core/random.h"
#include "unimiss/core/stopwatch.h"
#include "unimiss/train/checkpoint_writer.h"
#include "unimiss/train/weight_export.h"

namespace unimiss::train {
namespace {

StepRecord record_of(const StepReport& report) {
  StepRecord record;
  record.step = report.plan.step + 1;
  record.phase = report.plan.rank == 2 ? "2d" : "3d";
  record.loss = report.loss.item<double>();
  for (const auto& [name, tensor] : report.terms) {
    record.terms.emplace_back(name, tensor.item<double>());
  }
  record.lr = report.plan.lr;
  record.weight_decay = report.plan.weight_decay;
  record.momentum = report.plan.momentum;
  record.grad_norm = report.grad_norm.item<double>();
  record.teacher_entropy = report.teacher_entropy.item<double>();
  if (report.outcome == StepOutcome::kOverflow) {
    record.skipped = kSkippedOverflow;
  } else if (report.outcome == StepOutcome::kNonFinite) {
    record.skipped = kSkippedNonFinite;
  }
  return record;
}

/// One run, from the first look at its folder to its last file.
class Run {
 public:
  Run(const PretrainConfig& config, const RunRequest& request)
      : config_(config),
        request_(request),
        stop_(config.run.stop_signals, 60 * config.run.time_limit),
        folder_(config.run.output),
        checkpoints_(
            folder_.file("checkpoints"),
            {config.run.keep_checkpoints, config.run.keep_every_steps}),
        device_(choose_device(config.run.device)),
        run_(prepare_run(config, request, device_, folder_, checkpoints_)) {}

  PretrainingSummary run() {
    begin();
    try {
      train();
    } catch (const Preempted&) {
      throw;
    } catch (...) {
      save_what_there_is();
      throw;
    }
    return finish();
  }

 private:
  int64_t step() const { return run_.position.step; }
  int64_t total() const { return run_.schedule->total_steps(); }

  void begin() {
    if (!folder_.begun()) folder_.lock();
    Facts facts = facts_of_process(request_.command);
    facts.emplace_back("device", device_.str());
    facts.emplace_back("from_step", std::to_string(step()));
    facts.emplace_back("images", run_.data.images.fingerprint);
    facts.emplace_back("volumes", run_.data.volumes.fingerprint);
    const auto& resume = request_.resume;
    const bool branches = resume.mode == ResumeRequest::Mode::kFrom;
    folder_.begin(facts, request_.config_text, branches ? resume.path : "");
    state_bytes_ = run_.pretrainer->full_state_bytes();
    before_training([&] {
      require_space(folder_.path(),
                    state_bytes_ + export_bytes(*run_.pretrainer));
      // From here on the run does not need the other one any more.
      if (branches && checkpoints_.steps().empty()) {
        checkpoints_.save(make_checkpoint(run_, request_.config_text));
      }
      output_ = std::make_unique<RunOutput>(folder_, step(), total());
    });
    if (step() > 0) saved_ = step();
    if (step() == total()) log_info("this run is finished already");
    describe();
  }

  void describe() {
    summary_.images = run_.data.images.files;
    summary_.volumes = run_.data.volumes.files;
    for (const DataStream* stream : {&run_.data.images, &run_.data.volumes}) {
      summary_.left_out.insert(summary_.left_out.end(),
                               stream->left_out.begin(),
                               stream->left_out.end());
    }
    for (const auto& parameter :
         run_.pretrainer->networks().student->parameters()) {
      summary_.parameters += parameter.numel();
    }
    summary_.device = device_.str();
    summary_.precision = enum_name(config_.run.precision);
    summary_.model = fmt::format("MiT {}", enum_name(config_.model.variant));
    summary_.largest_entropy =
        std::log(static_cast<double>(config_.head.prototypes));
    summary_.output = folder_.path();
    summary_.log = folder_.file("log.txt");
    summary_.metrics = folder_.file("metrics.jsonl");
    summary_.picture = folder_.file("progress.png");
    log_info(fmt::format(
        "{} ({} parameters) on {} in {}: {} images, {} volumes; {} steps, {} "
        "an epoch",
        summary_.model, summary_.parameters, summary_.device,
        summary_.precision, summary_.images, summary_.volumes,
        run_.schedule->total_steps(), run_.schedule->steps_per_epoch()));
  }

  void train() {
    start_workers(run_.data, config_,
                  device_.is_cuda() ? BatchTarget::kGpu : BatchTarget::kCpu);
    if (auto& loader = run_.data.images.loader) {
      loader->seek(run_.position.batches_2d);
    }
    if (auto& loader = run_.data.volumes.loader) {
      loader->seek(run_.position.batches_3d);
    }
    writer_ = std::make_unique<CheckpointWriter>(checkpoints_);
    stop_.begin();
    while (step() < total()) {
      take_step();
      writer_->check();
      const auto why = stop_.reason(slowest_ + seconds_to_save());
      if (why && step() < total()) preempt(*why);
      if (step() == total() || checkpoint_due()) save();
    }
    log_progress("", "");
    wait_for_writer();
  }

  void take_step() {
    const Stopwatch whole;
    const StepPlan plan = run_.schedule->at(step());
    const bool images = plan.rank == 2;
    data::Loader& loader =
        *(images ? run_.data.images : run_.data.volumes).loader;
    const int64_t ready = loader.ready(), number = loader.position();
    const data::Views batch = loader.next();
    const double wait = whole.seconds();
    output_->add_views(batch);
    // Drop path draws from LibTorch's generator: a function of the step too.
    at::manual_seed(Random({static_cast<uint64_t>(config_.run.seed),
                            static_cast<uint64_t>(step())})
                        .bits());
    whole_ = false;
    const StepReport report = run_.pretrainer->step(batch, plan);
    StepRecord record = record_of(report);
    if (report.outcome == StepOutcome::kNonFinite) {
      whole_ = true;  // nothing has changed
      not_finite(record, batch, loader.samples_of(number));
    }
    ++run_.position.step;
    ++(images ? run_.position.batches_2d : run_.position.batches_3d);
    record.samples = batch.first.size(0);
    record.seconds = whole.seconds();
    record.wait_seconds = wait;
    record.queue_depth = ready;
    record.peak_memory_mb = peak_memory_mb(device_);
    slowest_ = std::max(slowest_, record.seconds);
    output_->add(record);
    whole_ = true;
  }

  /// Nothing has changed: writes down what it was, and ends the run or not.
  void not_finite(const StepRecord& record, const data::Views& batch,
                  const std::vector<std::string>& samples) {
    const std::string file =
        write_nonfinite(folder_.file("nonfinite"), record, batch, samples);
    const std::string what = fmt::format(
        "step {} ({}): loss {} or gradient norm {} is not finite; its samples "
        "are in {}",
        record.step, record.phase, record.loss, record.grad_norm, file);
    if (config_.run.on_nonfinite == OnNonFinite::kStop) {
      throw RunError(what +
                     ". The run has diverged, or a sample holds such values: "
                     "lower optimizer.lr, correct the sample, or go on with "
                     "run.on_nonfinite=skip");
    }
    const int64_t count = run_.position.nonfinite + 1;
    if (count > config_.run.max_nonfinite) {
      throw RunError(fmt::format(
          "{}. That makes {} such steps, run.max_nonfinite allows {}: lower "
          "optimizer.lr, or train in fp32",
          what, count, config_.run.max_nonfinite));
    }
    run_.position.nonfinite = count;
    log_warning(what + "; the step is skipped");
  }

  bool checkpoint_due() const {
    const auto& run = config_.run;
    return (run.checkpoint_every_steps > 0 &&
            step() % run.checkpoint_every_steps == 0) ||
           (run.checkpoint_every_minutes > 0 &&
            since_save_.seconds() >= 60 * run.checkpoint_every_minutes);
  }

  /// Until one has been written, as if at 100 MB a second.
  double seconds_to_save() const {
    const double measured = writer_->seconds();
    const double guess = static_cast<double>(state_bytes_) / 1e8;
    return 2 * (measured > 0 ? measured : guess) + 1;
  }

  void save() {
    if (saved_ == step()) return;
    // The records must not be behind the weights.
    output_->sync();
    try {
      writer_->submit(make_checkpoint(run_, request_.config_text));
    } catch (...) {
      saved_ = -1;
      throw;
    }
    saved_ = step();
    since_save_.restart();
    output_->draw();
  }

  void wait_for_writer() {
    try {
      writer_->finish();
    } catch (...) {
      saved_ = -1;
      throw;
    }
  }

  [[noreturn]] void preempt(const std::string& why) {
    log_progress("", "");
    save();
    wait_for_writer();
    const bool never = request_.resume.mode == ResumeRequest::Mode::kNever;
    throw Preempted(fmt::format(
        "stopped by {} after step {} of {}, which is saved; run the same "
        "command again{} to go on",
        why, step(), total(), never ? ", with --resume auto," : ""));
  }

  /// After a failure: the state may still be that of the last good step.
  void save_what_there_is() {
    log_progress("", "");
    if (!writer_ || step() == 0) return;
    if (!whole_) {
      log_warning(
          "the step that failed has changed the weights already: what "
          "came after the last checkpoint is not saved");
      return;
    }
    try {
      // What failed may have been the writing of an earlier one.
      try {
        wait_for_writer();
      } catch (const std::exception&) {
      }
      save();
      wait_for_writer();
      log_info(fmt::format(
          "nothing is lost up to step {}: run the same command again to go on",
          step()));
    } catch (const std::exception& error) {
      log_warning(std::string("the last steps could not be saved: ") +
                  error.what());
    }
  }

  PretrainingSummary finish() {
    const ExportedFiles files =
        export_weights(folder_.file("export"), *run_.pretrainer,
                       {{"step", std::to_string(step())},
                        {"model", summary_.model},
                        {"config", request_.config_text}});
    summary_.checkpoint = checkpoints_.file_of(step());
    summary_.student_weights = files.student;
    summary_.teacher_weights = files.teacher;
    summary_.full_state = files.full;
    output_->sync();
    output_->draw();
    output_->describe(summary_);
    return summary_;
  }

  const PretrainConfig& config_;
  const RunRequest& request_;
  StopRequest stop_;
  RunFolder folder_;
  CheckpointFolder checkpoints_;
  const torch::Device device_;
  PreparedRun run_;
  std::unique_ptr<RunOutput> output_;
  std::unique_ptr<CheckpointWriter> writer_;
  PretrainingSummary summary_;
  int64_t saved_ = -1;  ///< the step of the newest checkpoint
  bool whole_ = true;   ///< weights, position and records are of one step
  int64_t state_bytes_ = 0;
  double slowest_ = 0;  ///< step, seconds
  Stopwatch since_save_;
};

}  // namespace

PretrainingSummary run_pretraining(const PretrainConfig& config,
                                   const RunRequest& request) {
  return Run(config, request).run();
}

}  // namespace unimiss::train
