#include "unimiss/train/metric_log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "unimiss/core/error.h"
#include "unimiss/core/log.h"
#include "unimiss/io/durable_file.h"

namespace unimiss::train {
namespace {

using Json = nlohmann::ordered_json;

/// A record as it was written; nothing for a line that is none.
std::optional<Metrics> parse(const std::string& line) {
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  Metrics metrics;
  for (const auto& [key, value] : json.items()) {
    if (value.is_number_integer()) {
      metrics.emplace_back(key, value.get<int64_t>());
    } else if (value.is_string()) {
      metrics.emplace_back(key, value.get<std::string>());
    } else {
      metrics.emplace_back(key, value.is_number()
                                    ? value.get<double>()
                                    : std::numeric_limits<double>::quiet_NaN());
    }
  }
  return metrics;
}

int64_t step_of(const Metrics& metrics) {
  for (const auto& [key, value] : metrics) {
    const auto* number = std::get_if<int64_t>(&value);
    if (key == "step" && number != nullptr) return *number;
  }
  return std::numeric_limits<int64_t>::max();
}

}  // namespace

MetricLog::MetricLog(const std::string& path)
    : path_(path), file_(std::fopen(path.c_str(), "ae")) {
  if (!file_) {
    throw DataError(path, std::string("cannot be written (") +
                              std::strerror(errno) +
                              "); choose a run.output you can write to");
  }
}

void MetricLog::fail() const {
  throw DataError(path_, std::string("could not be written (") +
                             std::strerror(errno) +
                             "); free space and run the same command again");
}

void MetricLog::write(const Metrics& metrics) {
  Json line;
  for (const auto& [key, value] : metrics) {
    std::visit([&, name = key](const auto& held) { line[name] = held; }, value);
  }
  const std::string text = line.dump() + "\n";
  const size_t written = std::fwrite(text.data(), 1, text.size(), file_.get());
  if (written != text.size() || std::fflush(file_.get()) != 0) fail();
}

void MetricLog::sync() {
  struct stat now {};
  if (fstat(fileno(file_.get()), &now) == 0 && now.st_nlink == 0) {
    throw DataError(path_,
                    "was removed while the run goes on; its folder must stay "
                    "until it has ended");
  }
  if (fdatasync(fileno(file_.get())) != 0 && errno != EINVAL) fail();
}

std::vector<Metrics> MetricLog::keep_until(const std::string& path,
                                           int64_t step) {
  std::vector<Metrics> kept;
  std::string text;
  bool damaged = false;
  std::ifstream file(path, std::ios::binary);
  if (!file) return kept;
  for (std::string line; std::getline(file, line);) {
    auto metrics = parse(line);
    // A last line without its end is half a record.
    if (file.eof()) break;
    if (!metrics) {
      damaged = true;
      continue;
    }
    if (step_of(*metrics) > step) break;
    text += line + "\n";
    kept.push_back(std::move(*metrics));
  }
  file.close();
  if (damaged) {
    const std::string copy = path + ".damaged";
    std::filesystem::copy_file(
        path, copy, std::filesystem::copy_options::overwrite_existing);
    log_warning(path +
                ": holds lines that are no records; they are left out, "
                "the file as it was is now " +
                copy);
  }
  io::write_durably(path, text);
  return kept;
}

}  // namespace unimiss::train
