#include "unimiss/report/evaluation_input.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "report/expect_config_error.h"
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

  void csv(const std::string& text) const {
    write_bytes(folder_.file("p/predictions.csv"), text);
  }
  ProbabilityTable probabilities(const EvaluationTask& task) const {
    return read_probabilities(folder_.file("p/predictions.csv"), task);
  }

  testing::TemporaryDirectory folder_;
  EvaluationRequest request_;
};

TEST_F(EvaluationInput, IsTheTaskOfTheFolder) {
  write_bytes(folder_.file("p/predict.json"),
              R"({"target": "label_map", "classes": ["none", "lesion"],
                  "label_values": [0, 255], "networks": []})");
  const EvaluationTask task = evaluation_task(request_);
  EXPECT_EQ(task.target, TargetKind::kLabelMap);
  EXPECT_EQ(task.classes, (std::vector<std::string>{"none", "lesion"}));
  EXPECT_EQ(task.label_values, (std::vector<int64_t>{0, 255}));
  request_.classes = {"none", "tumour"};
  expect_config_error([&] { evaluation_task(request_); },
                      "--classes: differs from what");
  write_bytes(folder_.file("p/predict.json"), "{");
  expect_config_error([&] { evaluation_task(request_); }, "is damaged");
}

TEST_F(EvaluationInput, MustMakeATask) {
  const auto refuses = [&](const char* text) {
    expect_config_error([&] { evaluation_task(request_); }, text);
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

TEST_F(EvaluationInput, ReadsProbabilitiesInAnyOrderOfColumns) {
  csv("case,predicted,b,a\nx,a,0.25,0.75\n\n\"y,1\",b,1,0\n");
  const ProbabilityTable table =
      probabilities({TargetKind::kClass, {"a", "b"}, {}});
  EXPECT_TRUE(table.bad.empty());
  EXPECT_EQ(table.cases.at("x"), (std::vector<double>{0.75, 0.25}));
  EXPECT_EQ(table.cases.at("y,1"), (std::vector<double>{0, 1}));
  EXPECT_EQ(probabilities({TargetKind::kClass, {}, {}}).classes,
            (std::vector<std::string>{"b", "a"}));
}

TEST_F(EvaluationInput, ReadsWhatSpreadsheetsWrite) {
  // A mark of UTF-8, lines of Windows, classes called as our own columns.
  csv("\xef\xbb\xbf"
      "case,predicted,case,predicted\r\nx,case,0.75,0.25\r\n");
  const ProbabilityTable table = probabilities({TargetKind::kClass, {}, {}});
  EXPECT_TRUE(table.bad.empty());
  EXPECT_EQ(table.classes, (std::vector<std::string>{"case", "predicted"}));
  EXPECT_EQ(table.cases.at("x"), (std::vector<double>{0.75, 0.25}));
}

TEST_F(EvaluationInput, TellsOfRowsThatAreNoProbabilities) {
  csv("case,a,b\nx,0.5,0.5\nx,0.5,0.5\ny,0.5,nan\nz,0.5,0.6\nw,0.5\n"
      "good,0.5,0.5\n");
  const ProbabilityTable table =
      probabilities({TargetKind::kClass, {"a", "b"}, {}});
  EXPECT_EQ(table.cases.size(), 1u);
  ASSERT_EQ(table.bad.size(), 4u);
  EXPECT_NE(table.bad[0].problem.find("line 3 names it again"),
            std::string::npos);
  EXPECT_NE(table.bad[1].problem.find("has 'nan'"), std::string::npos);
  EXPECT_NE(table.bad[2].problem.find("sum to 1.1"), std::string::npos);
  EXPECT_EQ(table.bad[3].id, "line 6");
  expect_config_error(
      [&] {
        probabilities({TargetKind::kClass, {"a", "c"}, {}});
      },
      "has the classes a, b, but a, c are expected");
}

}  // namespace
}  // namespace unimiss::report
