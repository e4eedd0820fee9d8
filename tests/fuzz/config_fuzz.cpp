// Arbitrary bytes as a configuration file, and behind each NUL byte an
// override: the options of a pretraining run, or a ConfigError. What is read is
// written and read again as the same options.
#include <cstdlib>
#include <vector>

#include "fuzz/fuzz_file.h"
#include "unimiss/config/config_file.h"
#include "unimiss/core/error.h"
#include "unimiss/pretrain/config.h"

namespace {

using unimiss::pretrain::PretrainConfig;

void check_round_trip(const PretrainConfig& options) {
  PretrainConfig again;
  const std::string text = unimiss::config::dump(options);
  unimiss::config::read(unimiss::config::parse_yaml(text, "dump"), again);
  if (!unimiss::config::compare(options, again).empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const unimiss::testing::FuzzFile file("config.yaml");
  static const bool prepared = [] {
    std::ofstream(file.folder() + "/base.yaml") << "run: {seed: 3}\n";
    return true;
  }();
  if (!prepared) return 0;
  std::vector<std::string> parts{""};
  for (size_t i = 0; i < size; ++i) {
    if (data[i] == 0) {
      parts.emplace_back();
    } else {
      parts.back() += static_cast<char>(data[i]);
    }
  }
  const std::vector<std::string> overrides(parts.begin() + 1, parts.end());
  PretrainConfig options;
  try {
    const std::string& text = parts.front();
    options = unimiss::config::read_file<PretrainConfig>(
        file.write(reinterpret_cast<const uint8_t*>(text.data()), text.size()),
        overrides);
  } catch (const unimiss::ConfigError&) {
    return 0;
  }
  check_round_trip(options);
  return 0;
}
