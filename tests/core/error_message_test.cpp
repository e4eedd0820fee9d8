#include "unimiss/core/error_message.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "unimiss/core/error.h"

namespace unimiss {
namespace {

TEST(ErrorMessage, IsWhatTheExceptionSays) {
  EXPECT_EQ(error_message(std::runtime_error("no memory")), "no memory");
  EXPECT_EQ(error_message(DataError("a.png", "is damaged")),
            "a.png: is damaged");
}

TEST(ErrorMessage, OfLibTorchIsWithoutItsStack) {
  try {
    TORCH_CHECK(false, "sizes differ");
  } catch (const c10::Error& error) {
    const std::string message = error_message(error);
    EXPECT_NE(message.find("sizes differ"), std::string::npos);
    EXPECT_EQ(message.find("frame #"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace unimiss
