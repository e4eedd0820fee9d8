#pragma once

#include <string_view>

namespace unimiss {

/// What separates words of a line; a carriage return ends lines of Windows.
inline constexpr std::string_view kBlanks = " \t\r";

/// Text without the blanks around it.
inline std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace unimiss
