#include "config/environment.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include "unimiss/core/error.h"

namespace unimiss::config {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(Environment, IsExpandedInText) {
  setenv("UNIMISS_TEST_FOLDER", "/data", 1);
  unsetenv("UNIMISS_UNSET");
  EXPECT_EQ(expand_environment("${UNIMISS_TEST_FOLDER}/a$b"), "/data/a$b");
  EXPECT_EQ(expand_environment("$${x}"), "${x}");
  EXPECT_THAT([] { expand_environment("${UNIMISS_UNSET}"); },
              ThrowsMessage<ConfigError>(
                  AllOf(HasSubstr("UNIMISS_UNSET"), HasSubstr("export"))));
  EXPECT_THAT([] { expand_environment("a${b"); },
              ThrowsMessage<ConfigError>(HasSubstr("closing brace")));
  for (const char* text : {"plain", "${A}", "$${A}", "$$", "a$", "$$${"}) {
    EXPECT_EQ(expand_environment(protect_from_expansion(text)), text) << text;
  }
}

}  // namespace
}  // namespace unimiss::config
