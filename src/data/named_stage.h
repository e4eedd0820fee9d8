#pragma once

#include <exception>
#include <string>
#include <utility>

#include "unimiss/core/error.h"
#include "unimiss/core/log.h"

namespace unimiss::data {

/// Runs a stage of preparing a file's sample. An Error becomes a DataError
/// "<stage>: <file>: <reason>"; of others (a bug, no memory) the log tells
/// where they happened.
template <class Work>
auto run_stage(const char* stage, const std::string& file, Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (const Error& error) {
    const std::string reason = error.what();
    throw DataError(stage,
                    reason.starts_with(file) ? reason : file + ": " + reason);
  } catch (const std::exception&) {
    log_warning(std::string(stage) + ": " + file + ": failed");
    throw;
  }
}

}  // namespace unimiss::data
