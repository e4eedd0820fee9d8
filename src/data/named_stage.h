#pragma once

#include <atomic>
#include <exception>
#include <string>
#include <utility>

#include "unimiss/core/error.h"
#include "unimiss/core/log.h"

namespace unimiss::data {

/// Where others can see which stage a thread is in: the loader looks at its
/// workers. Null: nobody looks.
inline std::atomic<const char*>*& watched_stage() {
  thread_local std::atomic<const char*>* stage = nullptr;
  return stage;
}

/// Runs a stage of preparing a file's sample. An Error becomes a DataError
/// "<stage>: <file>: <reason>"; of others (a bug, no memory) the log tells
/// where they happened.
template <class Work>
auto run_stage(const char* stage, const std::string& file, Work&& work) {
  struct Mark {
    std::atomic<const char*>* watched = watched_stage();
    explicit Mark(const char* stage) {
      if (watched) *watched = stage;
    }
    ~Mark() {
      if (watched) *watched = nullptr;
    }
  } const mark(stage);
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
