#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace unimiss {

/// The content of a JSON file. Throws DataError, with the line, where it
/// cannot be read or is no JSON.
nlohmann::json read_json(const std::string& path);

/// Whether text can be written to JSON as it is.
bool is_utf8(const std::string& text);

}  // namespace unimiss
