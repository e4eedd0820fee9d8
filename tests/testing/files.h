#pragma once

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace unimiss::testing {

inline std::string read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// A file of tests/golden.
inline std::string golden_file(const std::string& name) {
  return std::string(std::getenv("UNIMISS_GOLDEN")) + "/" + name;
}

}  // namespace unimiss::testing
