#include "predict/temporary_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
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
  static std::atomic<int64_t> count{0};
  std::error_code ignored;  // opening tells what is wrong
  std::filesystem::create_directories(folder, ignored);
  const std::string name = fmt::format("{}/{}-{}.unfinished", folder,
                                       static_cast<int64_t>(getpid()), count++);
  File file(std::fopen(name.c_str(), "w+b"));
  if (!file) throw_full(folder);
  unlink(name.c_str());
  return file;
}

}  // namespace unimiss::predict
