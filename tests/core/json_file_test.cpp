#include "unimiss/core/json_file.h"

#include <gmock/gmock.h>

#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(JsonFile, IsRead) {
  const testing::TemporaryDirectory folder;
  testing::write_bytes(folder.file("a.json"), R"({"classes": [1, 2]})");
  EXPECT_EQ(read_json(folder.file("a.json"))["classes"][1], 2);
}

TEST(JsonFile, DamageIsToldByItsLine) {
  const testing::TemporaryDirectory folder;
  const std::string file = folder.file("a.json");
  testing::write_bytes(file, "{\n\"a\": 1,\n\"b\": }\n");
  EXPECT_THAT([&] { read_json(file); },
              ThrowsMessage<DataError>(
                  AllOf(HasSubstr(file), HasSubstr("from line 3 on"))));
  testing::write_bytes(file, "");
  EXPECT_THAT([&] { read_json(file); },
              ThrowsMessage<DataError>(HasSubstr("from line 1 on")));
}

TEST(JsonFile, WhatIsNoFileIsAnError) {
  const testing::TemporaryDirectory folder;
  for (const std::string& path :
       {folder.path().string(), folder.file("missing")}) {
    EXPECT_THAT([&] { read_json(path); },
                ThrowsMessage<DataError>(
                    AllOf(HasSubstr(path), HasSubstr("cannot be read"))));
  }
}

TEST(JsonFile, TextIsUtf8OrNot) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("L\xc3\xa4sion"));
  EXPECT_FALSE(is_utf8("L\xe4sion"));
  EXPECT_FALSE(is_utf8("cut \xc3"));
}

}  // namespace
}  // namespace unimiss
