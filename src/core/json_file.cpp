#include "unimiss/core/json_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "unimiss/core/error.h"

namespace unimiss {

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) {
    throw DataError(path, "cannot be read; check the path");
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

void throw_no_json(const std::string& path, const std::string& text,
                   size_t byte) {
  const auto end = text.begin() + std::min(byte, text.size());
  const auto line = 1 + std::count(text.begin(), end, '\n');
  throw DataError(path,
                  fmt::format("is no JSON from line {} on (a comma, bracket "
                              "or quote is missing or too many); correct it",
                              line));
}

bool is_utf8(const std::string& text) {
  try {
    return !nlohmann::json(text).dump().empty();
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

}  // namespace unimiss
