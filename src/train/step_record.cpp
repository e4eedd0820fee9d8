#include "unimiss/train/step_record.h"

#include <algorithm>
#include <type_traits>

namespace unimiss::train {
namespace {

/// Calls visit(name, field) for the fields before and after the loss terms: the
/// one list that writes and reads a record.
template <class Record, class Visitor>
void visit_leading(Record& record, Visitor&& visit) {
  visit("step", record.step);
  visit("phase", record.phase);
  visit("loss", record.loss);
}
template <class Record, class Visitor>
void visit_trailing(Record& record, Visitor&& visit) {
  visit("lr", record.lr);
  visit("weight_decay", record.weight_decay);
  visit("momentum", record.momentum);
  visit("grad_norm", record.grad_norm);
  visit("teacher_entropy", record.teacher_entropy);
  visit("samples", record.samples);
  visit("seconds", record.seconds);
  visit("queue_depth", record.queue_depth);
  visit("peak_memory_mb", record.peak_memory_mb);
}

constexpr const char* kRate = "samples_per_second";
constexpr const char* kWait = "data_wait";
constexpr const char* kSkipped = "skipped";
constexpr const char* kOthers = "communication_wait";
constexpr const char* kSlowest = "slowest_process";

}  // namespace

Metrics StepRecord::metrics() const {
  Metrics metrics;
  const auto add = [&](const char* name, const auto& value) {
    if constexpr (std::is_same_v<decltype(value),
                                 const std::optional<double>&>) {
      if (value) metrics.emplace_back(name, *value);
    } else {
      metrics.emplace_back(name, value);
    }
  };
  visit_leading(*this, add);
  for (const auto& [name, value] : terms) metrics.emplace_back(name, value);
  visit_trailing(*this, add);
  const double length = std::max(seconds, 1e-9);
  metrics.emplace_back(kRate, static_cast<double>(samples) / length);
  metrics.emplace_back(kWait, wait_seconds / length);
  if (processes) {
    const ProcessSpread& spread = *processes;
    metrics.emplace_back("data_wait_most", spread.most_data_seconds / length);
    metrics.emplace_back(kOthers, spread.wait_seconds / length);
    metrics.emplace_back("communication_wait_most",
                         spread.most_wait_seconds / length);
    metrics.emplace_back("scaling_efficiency",
                         1 - spread.wait_seconds / length);
    metrics.emplace_back("process_rate_least", spread.least_rate);
    metrics.emplace_back("process_rate_most", spread.most_rate);
    metrics.emplace_back(kSlowest, spread.slowest);
  }
  if (!skipped.empty()) metrics.emplace_back(kSkipped, skipped);
  return metrics;
}

std::optional<StepRecord> StepRecord::of(const Metrics& metrics) {
  StepRecord record;
  size_t found = 0, expected = 0;
  const auto read = [&](const char* name, auto& field) {
    using Field = std::remove_reference_t<decltype(field)>;
    constexpr bool kOptional = std::is_same_v<Field, std::optional<double>>;
    using Value = std::conditional_t<kOptional, double, Field>;
    expected += kOptional ? 0 : 1;
    for (const auto& [key, value] : metrics) {
      if (key != name) continue;
      if (const auto* held = std::get_if<Value>(&value)) {
        field = *held;
        found += kOptional ? 0 : 1;
      }
    }
  };
  visit_leading(record, read);
  visit_trailing(record, read);
  if (found != expected) return std::nullopt;
  // The terms stand between the loss and the learning rate.
  bool term = false;
  for (const auto& [key, value] : metrics) {
    if (key == "lr") break;
    const auto* number = std::get_if<double>(&value);
    if (term && number != nullptr) record.terms.emplace_back(key, *number);
    term = term || key == "loss";
  }
  for (const auto& [key, value] : metrics) {
    const auto* share = std::get_if<double>(&value);
    if (key == kWait && share != nullptr) {
      record.wait_seconds = *share * record.seconds;
    }
    if (key == kOthers && share != nullptr) {
      record.processes.emplace().wait_seconds = *share * record.seconds;
    }
    const auto* process = std::get_if<int64_t>(&value);
    if (key == kSlowest && process != nullptr && record.processes) {
      record.processes->slowest = *process;
    }
    const auto* why = std::get_if<std::string>(&value);
    if (key == kSkipped && why != nullptr) record.skipped = *why;
  }
  return record;
}

}  // namespace unimiss::train
