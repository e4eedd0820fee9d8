#include "io/file_bytes.h"

#include <gmock/gmock.h>

#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::io {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using unimiss::testing::TemporaryDirectory;
using unimiss::testing::write_bytes;

TEST(FileBytes, AreAllThatAFileHolds) {
  const TemporaryDirectory folder;
  write_bytes(folder.file("a"), std::string("x\0\xff", 3));
  EXPECT_THAT(read_file_bytes(folder.file("a")), ElementsAre('x', 0, 0xff));
}

TEST(FileBytes, WhatHoldsNoneIsAnErrorThatNamesIt) {
  const TemporaryDirectory folder;
  write_bytes(folder.file("empty"), "");
  const auto refused = [](const std::string& path, const char* why) {
    EXPECT_THAT(
        [&] { read_file_bytes(path); },
        ThrowsMessage<DataError>(AllOf(HasSubstr(path), HasSubstr(why))));
  };
  refused(folder.file("empty"), "is empty");
  refused(folder.file("missing"), "no such file");
  refused(folder.path().string(), "not a regular file");
  EXPECT_NO_THROW(require_exists(folder.path().string()));
  EXPECT_THROW(require_exists(folder.file("missing")), DataError);
}

TEST(FileBytes, DamageSaysWhatToDo) {
  EXPECT_THAT([] { throw_damaged("a.nii", "its end is missing"); },
              ThrowsMessage<DataError>(
                  HasSubstr("a.nii: its end is missing; fetch or export")));
}

TEST(FileBytes, LittleEndianNumbersAreRead) {
  const uint8_t bytes[4] = {0x78, 0x56, 0x34, 0xf2};
  EXPECT_EQ(little_endian32(bytes), 0xf2345678u);
}

}  // namespace
}  // namespace unimiss::io
