#include "unimiss/train/run_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "unimiss/core/error.h"
#include "unimiss/core/log.h"

namespace unimiss::train {
namespace {

double samples_per_second(const StepRecord& record) {
  return static_cast<double>(record.samples) / std::max(record.seconds, 1e-9);
}

std::string line_of(const StepRecord& record, int64_t total,
                    const std::string& remark) {
  std::string terms;
  if (record.terms.size() > 1) {
    for (const auto& [name, value] : record.terms) {
      terms += fmt::format(" {} {:.3f}", name, value);
    }
  }
  return fmt::format(
      "step {}/{} {} loss {:.4f}{} lr {:.2e} grad {:.3f}{} {:.1f} samples/s{}",
      record.step, total, record.phase, record.loss, terms, record.lr,
      record.grad_norm, remark.empty() ? "" : " " + remark,
      samples_per_second(record),
      record.skipped.empty() ? "" : " (skipped: " + record.skipped + ")");
}

}  // namespace

RunOutput::RunOutput(const RunFolder& folder, int64_t from, int64_t total,
                     RunHistory& history)
    : picture_(folder.file("progress.png")),
      history_(history),
      from_(from),
      total_(total) {
  log_to_file(folder.file("log.txt"));
  const std::string metrics = folder.file("metrics.jsonl");
  const bool branch = !folder.branch().empty();
  int64_t records = 0;
  for (const Metrics& record : MetricLog::keep_until(metrics, from)) {
    if (const auto step = StepRecord::of(record)) {
      history_.add(*step);
      ++records;
    } else {
      history_.add_other(record);
    }
  }
  if (records < from && !branch) {
    log_warning(fmt::format(
        "{} holds {} records of {} steps: curves and summary lack the others",
        metrics, records, from));
  }
  metrics_ = std::make_unique<MetricLog>(metrics);
  events_ = std::make_unique<EventLog>(folder.file("tensorboard"), from + 1,
                                       history_.scheduled());
}

void RunOutput::add(const StepRecord& record) {
  const Metrics metrics = record.metrics();
  metrics_->write(metrics);
  events_->write(record.step, metrics);
  history_.add(record);
  const auto done = static_cast<double>(record.step - from_);
  const std::string left =
      duration_text(clock_.seconds() / done *
                    static_cast<double>(total_ - record.step)) +
      " left";
  log_progress(fmt::format("{} step {}/{} {} loss {:.4f} {:.1f} samples/s, {}",
                           progress_bar(static_cast<double>(record.step) /
                                        static_cast<double>(total_)),
                           record.step, total_, record.phase, record.loss,
                           samples_per_second(record), left),
               line_of(record, total_, history_.remark(record)) + ", " + left);
}

void RunOutput::add_other(int64_t step, const Metrics& record,
                          const std::string& line) {
  metrics_->write(record);
  events_->write(step, record);
  history_.add_other(record);
  log_info(line);
}

void RunOutput::sync() { metrics_->sync(); }

void RunOutput::draw() {
  try {
    history_.write_picture(picture_);
    picture_failed_ = false;
  } catch (const DataError& error) {
    if (!std::exchange(picture_failed_, true)) log_warning(error.what());
  }
}

}  // namespace unimiss::train
