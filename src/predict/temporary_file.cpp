#include "predict/temporary_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "unimiss/core/error.h"

namespace unimiss::predict {

void throw_full(const std::string& folder) {
  throw DataError(folder,
                  fmt::format("cannot hold the probabilities that wait there "
                              "({}); free space, or choose another --output",
                              std::strerror(errno)));
}

File temporary_file(const std::string& folder) {
  std::error_code ignored;  // opening tells what is wrong
  std::filesystem::create_directories(folder, ignored);
  std::string name = folder + "/XXXXXX.unfinished";
  constexpr int kEnding = 11;
  const int descriptor = mkostemps(name.data(), kEnding, O_CLOEXEC);
  if (descriptor < 0) throw_full(folder);
  unlink(name.c_str());
  File file(fdopen(descriptor, "w+b"));
  if (!file) {
    close(descriptor);
    throw_full(folder);
  }
  return file;
}

}  // namespace unimiss::predict
