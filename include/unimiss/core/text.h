#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace unimiss {

/// What separates words of a line; a carriage return ends lines of Windows.
inline constexpr std::string_view kBlanks = " \t\r";

/// Text without the blanks around it.
inline std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

/// What a file begins with, without the mark that some programs put before
/// UTF-8.
inline std::string_view without_byte_order_mark(std::string_view text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  return text;
}

/// The fields of a CSV line; nothing where a quote is not closed.
inline std::optional<std::vector<std::string>> csv_fields(
    std::string_view line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quoted && c == '"' && i + 1 < line.size() && line[i + 1] == '"') {
      fields.back() += line[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  if (quoted) return std::nullopt;
  for (std::string& field : fields) field = std::string(trimmed(field));
  return fields;
}

/// A field as a CSV line has it, in quotes where it needs them.
inline std::string csv_field(std::string text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  for (size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2) {
    text.insert(at, 1, '"');
  }
  return '"' + text + '"';
}

/// The folder that a program was named with, and a slash; empty where it was
/// found by PATH.
inline std::string program_folder(std::string_view program) {
  const size_t slash = program.rfind('/');
  return slash == std::string_view::npos
             ? ""
             : std::string(program.substr(0, slash + 1));
}

}  // namespace unimiss
