#pragma once

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "testing/files.h"

namespace unimiss::testing {

/// The lines of a configuration's group `model` that make a network of a few
/// thousand weights.
inline const std::string kToyNetwork = R"(
  stem_width: 4
  encoder_depths: [1, 1, 1, 1]
  decoder_depths: [1, 1, 1]
  widths: [8, 8, 16, 16]
  encoder_heads: [1, 2, 2, 2]
  decoder_heads: [2, 2, 1]
)";

/// The objects of a JSON-lines file.
inline std::vector<nlohmann::json> json_lines(const std::string& path) {
  std::istringstream file(read_bytes(path));
  std::vector<nlohmann::json> records;
  for (std::string line; std::getline(file, line);) {
    records.push_back(nlohmann::json::parse(line));
  }
  return records;
}

}  // namespace unimiss::testing
