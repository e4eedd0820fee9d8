#pragma once

#include <gmock/gmock.h>

#include <string>

#include "testing/error_text.h"
#include "unimiss/core/error.h"

namespace unimiss::report {

/// That work() throws a ConfigError whose message has the text.
template <class Work>
void expect_config_error(const Work& work, const std::string& text) {
  EXPECT_THAT(unimiss::testing::error_text<ConfigError>([&] { work(); }),
              ::testing::HasSubstr(text));
}

}  // namespace unimiss::report
