#include "unimiss/core/error_message.h"

#include <c10/util/Exception.h>

namespace unimiss {

std::string error_message(const std::exception& error) {
  const auto* bug = dynamic_cast<const c10::Error*>(&error);
  return bug != nullptr ? bug->what_without_backtrace() : error.what();
}

}  // namespace unimiss
