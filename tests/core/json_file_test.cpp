#include "unimiss/core/json_file.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"

namespace unimiss {
namespace {

using ::testing::HasSubstr;

class JsonFile : public ::testing::Test {
 protected:
  std::string error(const std::string& text) const {
    testing::write_bytes(folder_.file("a.json"), text);
    return testing::error_text<DataError>(
        [&] { read_json<nlohmann::json>(folder_.file("a.json")); });
  }

  testing::TemporaryDirectory folder_;
};

TEST_F(JsonFile, IsReadInItsOrder) {
  testing::write_bytes(folder_.file("a.json"), R"({"b": 1, "a": [2]})");
  const std::string path = folder_.file("a.json");
  EXPECT_EQ(read_json<nlohmann::json>(path).dump(), R"({"a":[2],"b":1})");
  EXPECT_EQ(read_json<nlohmann::ordered_json>(path).dump(),
            R"({"b":1,"a":[2]})");
}

TEST_F(JsonFile, ErrorsNameTheLine) {
  EXPECT_THAT(error("{\n\"a\": 1,\n}"), HasSubstr("a.json: is no JSON from "
                                                  "line 3 on"));
  EXPECT_THAT(error(""), HasSubstr("from line 1 on"));
  EXPECT_THAT(testing::error_text<DataError>(
                  [&] { read_json<nlohmann::json>(folder_.file("none")); }),
              HasSubstr("none: cannot be read"));
  EXPECT_THROW(read_file(folder_.path().string()), DataError);
}

TEST_F(JsonFile, OfTextTakesUtf8Alone) {
  EXPECT_TRUE(is_utf8("näher"));
  EXPECT_FALSE(is_utf8("\xff"));
}

}  // namespace
}  // namespace unimiss
