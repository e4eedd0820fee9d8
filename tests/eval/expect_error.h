#pragma once

#include <gmock/gmock.h>

#include "testing/error_text.h"

namespace unimiss::eval {

/// That work() throws an Error whose message has the text.
template <class Error, class Work>
void expect_error(const Work& work, const char* text) {
  EXPECT_THAT(unimiss::testing::error_text<Error>([&] { work(); }),
              ::testing::HasSubstr(text));
}

}  // namespace unimiss::eval
