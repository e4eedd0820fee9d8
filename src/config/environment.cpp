#include "config/environment.h"

#include <fmt/format.h>

#include <cstdlib>

#include "unimiss/core/error.h"

namespace unimiss::config {

std::string expand_environment(const std::string& text) {
  std::string expanded;
  size_t at = 0;
  while (at < text.size()) {
    if (text.compare(at, 3, "$${") == 0) {
      expanded += "${";
      at += 3;
    } else if (text.compare(at, 2, "${") == 0) {
      const size_t end = text.find('}', at);
      if (end == std::string::npos) {
        throw ConfigError(fmt::format(
            "'{}' opens ${{ without a closing brace; write $${{ for a plain "
            "${{",
            text));
      }
      const std::string name = text.substr(at + 2, end - at - 2);
      const char* value = std::getenv(name.c_str());
      if (!value) {
        throw ConfigError(fmt::format(
            "the environment variable '{}' in '{}' is not set; export it, or "
            "write the value",
            name, text));
      }
      expanded += value;
      at = end + 1;
    } else {
      expanded += text[at++];
    }
  }
  return expanded;
}

std::string protect_from_expansion(const std::string& text) {
  std::string result;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text.compare(at, 2, "${") == 0) result += '$';
    result += text[at];
  }
  return result;
}

}  // namespace unimiss::config
