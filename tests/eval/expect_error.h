#pragma once

#include <gmock/gmock.h>

namespace unimiss::eval {

/// That work() throws an Error whose message has the text.
template <class Error, class Work>
void expect_error(const Work& work, const char* text) {
  try {
    work();
    ADD_FAILURE() << text;
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr(text));
  }
}

}  // namespace unimiss::eval
