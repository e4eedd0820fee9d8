#pragma once

#include <string>
#include <utility>

#include "unimiss/core/error.h"

namespace unimiss::data {

/// Runs a stage of preparing a file's sample; what it throws is a DataError
/// "<stage>: <file>: <reason>".
template <class Work>
auto run_stage(const char* stage, const std::string& file, Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (const std::exception& error) {
    const std::string reason = error.what();
    throw DataError(stage,
                    reason.starts_with(file) ? reason : file + ": " + reason);
  }
}

}  // namespace unimiss::data
