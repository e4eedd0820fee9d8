#include "unimiss/data/manifest.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "unimiss/core/error.h"

namespace unimiss::data {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kBlanks = " \t\r";

std::string_view trimmed(std::string_view line) {
  const size_t first = line.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

std::vector<std::string> read_manifest(const std::string& path) {
  namespace fs = std::filesystem;
  std::ifstream list(path);
  if (!list || fs::is_directory(path)) {
    throw DataError(path, "cannot be read as a list; check the path");
  }
  std::vector<std::string> files;
  std::string missing, line;
  int missing_count = 0;
  for (int number = 1; std::getline(list, line); ++number) {
    std::string_view entry = line;
    if (number == 1 && entry.starts_with(kByteOrderMark)) {
      entry.remove_prefix(kByteOrderMark.size());
    }
    entry = trimmed(entry);
    if (entry.empty() || entry.starts_with('#')) continue;
    const fs::path file = fs::path(path).parent_path() / entry;
    std::error_code ignored;
    if (!fs::is_regular_file(file, ignored)) {
      missing += fmt::format("\n  line {}: {}", number, entry);
      ++missing_count;
    }
    files.push_back(file.string());
  }
  if (missing_count > 0) {
    throw DataError(path, fmt::format("{} of {} files do not exist (paths are "
                                      "relative to the list's folder); correct "
                                      "these lines:{}",
                                      missing_count, files.size(), missing));
  }
  if (files.empty()) {
    throw DataError(path, "the list names no file; write one path a line");
  }
  return files;
}

}  // namespace unimiss::data
