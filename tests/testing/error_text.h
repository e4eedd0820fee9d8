#pragma once

#include <string>

#include "unimiss/core/error.h"

namespace unimiss::testing {

/// The message of the ErrorType that work() throws, "no error" where it throws
/// nothing; what else it throws goes on.
template <class ErrorType = Error, class Work>
std::string error_text(const Work& work) {
  try {
    work();
  } catch (const ErrorType& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace unimiss::testing
