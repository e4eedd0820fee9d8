#include "unimiss/train/step_record.h"

#include <algorithm>
#include <iterator>
#include <type_traits>

namespace unimiss::train {
namespace {

/// Calls visit(name, field) for the fields before and after the terms of the
/// loss, and after the diagnostics: the one list that writes and reads a
/// record.
template <class Record, class Visitor>
void visit_leading(Record& record, Visitor&& visit) {
  visit("step", record.step);
  visit("phase", record.phase);
  visit("loss", record.loss);
}
template <class Record, class Visitor>
void visit_optimizer(Record& record, Visitor&& visit) {
  visit("lr", record.lr);
  visit("weight_decay", record.weight_decay);
  visit("grad_norm", record.grad_norm);
}
template <class Record, class Visitor>
void visit_trailing(Record& record, Visitor&& visit) {
  visit("samples", record.samples);
  visit("seconds", record.seconds);
  visit("queue_depth", record.queue_depth);
  visit("peak_memory_mb", record.peak_memory_mb);
}

constexpr const char* kRate = "samples_per_second";
constexpr const char* kWait = "data_wait";
constexpr const char* kSkipped = "skipped";
constexpr const char* kOthers = "communication_wait";
constexpr const char* kMostWait = "communication_wait_most";
constexpr const char* kMostData = "data_wait_most";
constexpr const char* kEfficiency = "scaling_efficiency";
constexpr const char* kLeastRate = "process_rate_least";
constexpr const char* kMostRate = "process_rate_most";
constexpr const char* kSlowest = "slowest_process";

/// What follows from the fields of a record.
constexpr std::string_view kDerived[] = {kRate,      kWait,     kOthers,
                                         kMostWait,  kMostData, kEfficiency,
                                         kLeastRate, kMostRate};

/// The terms of the loss and the diagnostics: numbers by names that only the
/// method knows. known: the names of the fields.
void read_named(const Metrics& metrics,
                const std::vector<std::string_view>& known,
                StepRecord& record) {
  bool bare_term = false;  // as records of 0.1 have them
  for (const auto& [key, value] : metrics) {
    if (key == "lr") bare_term = false;
    const auto* number = std::get_if<double>(&value);
    const bool is_field =
        std::find(known.begin(), known.end(), key) != known.end() ||
        std::find(std::begin(kDerived), std::end(kDerived), key) !=
            std::end(kDerived);
    if (number != nullptr && !is_field) {
      if (key.starts_with(kLossTerm)) {
        record.terms.emplace_back(key.substr(kLossTerm.size()), *number);
      } else {
        (bare_term ? record.terms : record.diagnostics)
            .emplace_back(key, *number);
      }
    }
    if (key == "loss") bare_term = true;
  }
}

}  // namespace

std::optional<double> StepRecord::diagnostic(std::string_view name) const {
  for (const auto& [each, value] : diagnostics) {
    if (each == name) return value;
  }
  return std::nullopt;
}

Metrics StepRecord::metrics() const {
  Metrics metrics;
  const auto add = [&](const char* name, const auto& value) {
    metrics.emplace_back(name, value);
  };
  visit_leading(*this, add);
  for (const auto& [name, value] : terms) {
    metrics.emplace_back(std::string(kLossTerm) + name, value);
  }
  visit_optimizer(*this, add);
  for (const auto& [name, value] : diagnostics) {
    metrics.emplace_back(name, value);
  }
  visit_trailing(*this, add);
  const double length = std::max(seconds, 1e-9);
  metrics.emplace_back(kRate, static_cast<double>(samples) / length);
  metrics.emplace_back(kWait, wait_seconds / length);
  if (processes) {
    const ProcessSpread& spread = *processes;
    metrics.emplace_back(kMostData, spread.most_data_seconds / length);
    metrics.emplace_back(kOthers, spread.wait_seconds / length);
    metrics.emplace_back(kMostWait, spread.most_wait_seconds / length);
    metrics.emplace_back(kEfficiency, 1 - spread.wait_seconds / length);
    metrics.emplace_back(kLeastRate, spread.least_rate);
    metrics.emplace_back(kMostRate, spread.most_rate);
    metrics.emplace_back(kSlowest, spread.slowest);
  }
  if (!skipped.empty()) metrics.emplace_back(kSkipped, skipped);
  return metrics;
}

std::optional<StepRecord> StepRecord::of(const Metrics& metrics) {
  StepRecord record;
  std::vector<std::string_view> fields;
  size_t found = 0;
  const auto read = [&](const char* name, auto& field) {
    using Value = std::remove_reference_t<decltype(field)>;
    fields.push_back(name);
    for (const auto& [key, value] : metrics) {
      if (key != name) continue;
      if (const auto* held = std::get_if<Value>(&value)) {
        field = *held;
        ++found;
      }
    }
  };
  visit_leading(record, read);
  visit_optimizer(record, read);
  visit_trailing(record, read);
  if (found != fields.size()) return std::nullopt;
  read_named(metrics, fields, record);
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
