#include "unimiss/train/metric_log.h"

#include <nlohmann/json.hpp>

#include "unimiss/core/error.h"

namespace unimiss::train {

MetricLog::MetricLog(const std::string& path)
    : path_(path), file_(path, std::ios::app) {
  if (!file_) {
    throw DataError(path,
                    "cannot be written; choose a run.output you can write to");
  }
}

void MetricLog::write(const Metrics& metrics) {
  nlohmann::ordered_json line;
  for (const auto& [key, value] : metrics) {
    std::visit([&, name = key](const auto& held) { line[name] = held; }, value);
  }
  file_ << line.dump() << '\n' << std::flush;
  if (!file_) {
    throw DataError(path_, "could not be written (is the disk full?)");
  }
}

}  // namespace unimiss::train
