#pragma once

#include <c10/util/Exception.h>

#include <exception>
#include <string>

namespace unimiss::predict {

/// What went wrong with one case, whatever it is (memory that one large case
/// lacks, say), so that others can go on.
inline std::string case_problem(const std::exception& error) {
  const auto* bug = dynamic_cast<const c10::Error*>(&error);
  return bug != nullptr ? bug->what_without_backtrace() : error.what();
}

}  // namespace unimiss::predict
