#pragma once

#include <cstdio>
#include <memory>
#include <string>

namespace unimiss::predict {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

/// A file on the disk of a folder, for writing and reading, without a name: it
/// is gone with the process. Throws DataError where there can be none.
File temporary_file(const std::string& folder);

/// Throws the DataError of a folder whose disk holds no more, by errno.
[[noreturn]] void throw_full(const std::string& folder);

}  // namespace unimiss::predict
