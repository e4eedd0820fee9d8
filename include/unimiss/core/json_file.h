#pragma once

#include <cstddef>
#include <string>

namespace unimiss {

/// The bytes of a file. Throws DataError where it cannot be read.
std::string read_file(const std::string& path);

/// Throws the DataError of a file whose text is no JSON from a byte on.
[[noreturn]] void throw_no_json(const std::string& path,
                                const std::string& text, size_t byte);

/// The content of a JSON file as nlohmann::json or ordered_json, which who
/// calls includes: no public header shows more than std and torch types.
/// Throws DataError, with the line, where it cannot be read or is no JSON.
template <class Json>
Json read_json(const std::string& path) {
  const std::string text = read_file(path);
  try {
    return Json::parse(text);
  } catch (const typename Json::parse_error& error) {
    throw_no_json(path, text, error.byte);
  }
}

/// Whether text can be written to JSON as it is.
bool is_utf8(const std::string& text);

}  // namespace unimiss
