#pragma once

#include <gmock/gmock.h>

#include <string>

#include "unimiss/core/error.h"

namespace unimiss::report {

/// That work() throws a ConfigError whose message has the text.
template <class Work>
void expect_config_error(const Work& work, const std::string& text) {
  try {
    work();
    ADD_FAILURE() << text;
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr(text));
  }
}

}  // namespace unimiss::report
