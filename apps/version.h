#pragma once

#include <string>

namespace unimiss {

/// The commit of the checkout this was built from, "-dirty" behind it where
/// that was changed; "unknown" outside of one. Written by
/// cmake/WriteCommit.cmake.
const char* source_commit();

/// What every program's --version prints.
std::string version_text();

}  // namespace unimiss
