#include "train/run_writer.h"

#include <fmt/format.h>

#include <exception>
#include <string>

#include "unimiss/core/crash_point.h"
#include "unimiss/core/log.h"
#include "unimiss/train/run_preparation.h"

namespace unimiss::train {

void RunWriter::start_checkpoints() {
  writer_ = std::make_unique<CheckpointWriter>(checkpoints_);
}

void RunWriter::write_record() {
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

Checkpoint RunWriter::checkpoint_of(const Training& training) const {
  Checkpoint checkpoint = training.checkpoint();
  checkpoint.texts.merge(
      checkpoint_texts(request_.config_text, training.device()));
  return checkpoint;
}

bool RunWriter::checkpoint_due(int64_t step) const {
  return (options_.checkpoint_every_steps > 0 &&
          step % options_.checkpoint_every_steps == 0) ||
         (options_.checkpoint_every_minutes > 0 &&
          since_save_.seconds() >= 60 * options_.checkpoint_every_minutes);
}

/// Until one has been written, as if at 100 MB a second.
double RunWriter::seconds_to_save() const {
  const double measured = writer_ ? writer_->seconds() : 0;
  const double guess = static_cast<double>(state_bytes_) / 1e8;
  return 2 * (measured > 0 ? measured : guess) + 1;
}

void RunWriter::write(const Training& training) {
  write_record();
  if (!output_) return;
  // The records must not be behind the weights.
  output_->sync();
  try {
    writer_->submit(checkpoint_of(training));
  } catch (...) {
    saved_ = -1;
    throw;
  }
  output_->draw();
}

void RunWriter::check() {
  if (writer_) writer_->check();
}

void RunWriter::wait() {
  if (!writer_) return;
  try {
    writer_->finish();
  } catch (...) {
    saved_ = -1;
    throw;
  }
}

void RunWriter::save_what_there_is(const Training& training) {
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
      wait();
    } catch (const std::exception&) {
    }
    if (!is_saved()) write(training);
    set_saved();
    wait();
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
