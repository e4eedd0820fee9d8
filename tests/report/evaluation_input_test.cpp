#include "report/evaluation_input.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"

namespace unimiss::report {
namespace {

using augment::TargetKind;
using testing::write_bytes;

class EvaluationInput : public ::testing::Test {
 protected:
  EvaluationInput() {
    std::filesystem::create_directories(folder_.file("p"));
    std::filesystem::create_directories(folder_.file("r"));
    request_.predictions = folder_.file("p");
    request_.references = folder_.file("r");
  }

  testing::TemporaryDirectory folder_;
  EvaluationRequest request_;
};

TEST_F(EvaluationInput, IsTheTaskOfTheFolder) {
  write_bytes(folder_.file("p/predict.json"),
              R"({"target": "label_map", "classes": ["none", "lesion"],
                  "label_values": [0, 255], "networks": []})");
  const PredictedTask task = evaluation_task(request_);
  EXPECT_EQ(task.target, TargetKind::kLabelMap);
  EXPECT_EQ(task.classes, (std::vector<std::string>{"none", "lesion"}));
  EXPECT_EQ(task.label_values, (std::vector<int64_t>{0, 255}));
  request_.classes = {"none", "tumour"};
  EXPECT_THAT(unimiss::testing::error_text<ConfigError>(
                  [&] { evaluation_task(request_); }),
              ::testing::HasSubstr("--classes: differs from what"));
  write_bytes(folder_.file("p/predict.json"), "{");
  EXPECT_THAT(unimiss::testing::error_text<ConfigError>(
                  [&] { evaluation_task(request_); }),
              ::testing::HasSubstr("is damaged"));
}

TEST_F(EvaluationInput, MustMakeATask) {
  const auto refuses = [&](const char* text) {
    EXPECT_THAT(unimiss::testing::error_text<ConfigError>(
                    [&] { evaluation_task(request_); }),
                ::testing::HasSubstr(text));
  };
  refuses("--classes: are needed");
  request_.classes = {"none"};
  refuses("--classes");
  request_.classes = {"none", "lesion"};
  request_.label_values = {0};
  refuses("one for each class (are 1, of 2 classes)");
  request_.label_values = {1, 1};
  refuses("has a value twice");
  request_.label_values = {};
  request_.references = folder_.file("nowhere");
  refuses("--references");
}

TEST_F(EvaluationInput, PairsFilesAndTellsWhatIsMissing) {
  for (const char* name : {"p/a.png", "p/b.png", "r/b.png", "r/c.png"}) {
    write_bytes(folder_.file(name), "");
  }
  const MapPairs pairs =
      map_pairs(request_, {TargetKind::kLabelMap, {"none", "lesion"}, {}});
  EXPECT_EQ(pairs.rank, 2);
  ASSERT_EQ(pairs.complete.size(), 1u);
  EXPECT_EQ(pairs.complete[0].references,
            std::vector<std::string>{folder_.file("r/b.png")});
  ASSERT_EQ(pairs.incomplete.size(), 2u);
  EXPECT_EQ(pairs.incomplete[0].problem,
            "has no reference in " + folder_.file("r"));
  EXPECT_EQ(pairs.incomplete[1].problem,
            "has no prediction in " + folder_.file("p"));
}

}  // namespace
}  // namespace unimiss::report
