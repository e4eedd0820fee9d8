#include "unimiss/report/predicted_task.h"

#include <gmock/gmock.h>

#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"

namespace unimiss::report {
namespace {

TEST(PredictedTask, IsWhatThePredictionsTell) {
  const testing::TemporaryDirectory folder;
  const std::string path = folder.file("predict.json");
  EXPECT_FALSE(read_predicted_task(path));
  testing::write_bytes(path, R"({"target": "label_map", "networks": [],
    "classes": ["none", "lesion"], "label_values": [0, 255]})");
  const auto task = read_predicted_task(path);
  ASSERT_TRUE(task);
  EXPECT_EQ(task->target, augment::TargetKind::kLabelMap);
  EXPECT_EQ(task->classes, (std::vector<std::string>{"none", "lesion"}));
  EXPECT_EQ(task->label_values, (std::vector<int64_t>{0, 255}));
}

TEST(PredictedTask, ThatIsDamagedIsNone) {
  const testing::TemporaryDirectory folder;
  const std::string path = folder.file("predict.json");
  for (const char* text :
       {"", "{", "[]", R"({"target": "class"})",
        R"({"target": 3, "classes": [], "label_values": []})",
        R"({"target": "class", "classes": [1], "label_values": []})"}) {
    testing::write_bytes(path, text);
    EXPECT_FALSE(read_predicted_task(path)) << text;
  }
  testing::write_bytes(path, R"({"target": "organs"})");
  EXPECT_THAT(
      testing::error_text<ConfigError>([&] { read_predicted_task(path); }),
      ::testing::HasSubstr("has the unknown target 'organs'"));
}

}  // namespace
}  // namespace unimiss::report
