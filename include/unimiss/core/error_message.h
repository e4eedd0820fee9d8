#pragma once

#include <exception>
#include <string>

namespace unimiss {

/// What an exception says to a user; of LibTorch's without the stack trace.
std::string error_message(const std::exception& error);

}  // namespace unimiss
