#include "unimiss/core/text.h"

#include <gtest/gtest.h>

namespace unimiss {
namespace {

TEST(Text, OfALineIsTrimmed) {
  EXPECT_EQ(trimmed(" a b\t\r"), "a b");
  EXPECT_EQ(trimmed(" \r"), "");
  EXPECT_EQ(without_byte_order_mark("\xef\xbb\xbf"
                                    "a"),
            "a");
  EXPECT_EQ(without_byte_order_mark("a"), "a");
}

TEST(Text, CsvFieldsComeBackAsTheyWere) {
  for (const char* field : {"a", "a,b", "say \"a\"", ""}) {
    const std::string line = csv_field(field) + ",end";
    EXPECT_EQ(csv_fields(line), (std::vector<std::string>{field, "end"}))
        << line;
  }
  EXPECT_EQ(csv_fields("\"open"), std::nullopt);
}

TEST(Text, AProgramsFolder) {
  EXPECT_EQ(program_folder("build/my bin/unimiss-pretrain"), "build/my bin/");
  EXPECT_EQ(program_folder("unimiss-pretrain"), "");
  EXPECT_EQ(program_folder(""), "");
}

}  // namespace
}  // namespace unimiss
