#include <gmock/gmock.h>

#include "report/evaluation_input.h"
#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"

namespace unimiss::report {
namespace {

using augment::TargetKind;
using testing::write_bytes;

/// A predictions.csv.
struct ToyTable {
  void csv(const std::string& text) const {
    write_bytes(folder.file("predictions.csv"), text);
  }
  ProbabilityTable probabilities(const PredictedTask& task) const {
    return read_probabilities(folder.file("predictions.csv"), task);
  }

  testing::TemporaryDirectory folder;
};

TEST(ProbabilityTable, ReadsProbabilitiesInAnyOrderOfColumns) {
  const ToyTable toy;
  toy.csv("case,predicted,b,a\nx,a,0.25,0.75\n\n\"y,1\",b,1,0\n");
  const ProbabilityTable table =
      toy.probabilities({TargetKind::kClass, {"a", "b"}, {}});
  EXPECT_TRUE(table.bad.empty());
  EXPECT_EQ(table.cases.at("x"), (std::vector<double>{0.75, 0.25}));
  EXPECT_EQ(table.cases.at("y,1"), (std::vector<double>{0, 1}));
  EXPECT_EQ(toy.probabilities({TargetKind::kClass, {}, {}}).classes,
            (std::vector<std::string>{"b", "a"}));
}

TEST(ProbabilityTable, ReadsWhatSpreadsheetsWrite) {
  const ToyTable toy;
  // A mark of UTF-8, lines of Windows, classes called as our own columns.
  toy.csv(
      "\xef\xbb\xbf"
      "case,predicted,case,predicted\r\nx,case,0.75,0.25\r\n");
  const ProbabilityTable table =
      toy.probabilities({TargetKind::kClass, {}, {}});
  EXPECT_TRUE(table.bad.empty());
  EXPECT_EQ(table.classes, (std::vector<std::string>{"case", "predicted"}));
  EXPECT_EQ(table.cases.at("x"), (std::vector<double>{0.75, 0.25}));
}

TEST(ProbabilityTable, TellsOfRowsThatAreNoProbabilities) {
  const ToyTable toy;
  toy.csv(
      "case,a,b\nx,0.5,0.5\nx,0.5,0.5\ny,0.5,nan\nz,0.5,0.6\nw,0.5\n"
      "good,0.5,0.5\n");
  const ProbabilityTable table =
      toy.probabilities({TargetKind::kClass, {"a", "b"}, {}});
  EXPECT_EQ(table.cases.size(), 1u);
  ASSERT_EQ(table.bad.size(), 4u);
  EXPECT_NE(table.bad[0].problem.find("line 3 names it again"),
            std::string::npos);
  EXPECT_NE(table.bad[1].problem.find("has 'nan'"), std::string::npos);
  EXPECT_NE(table.bad[2].problem.find("sum to 1.1"), std::string::npos);
  EXPECT_EQ(table.bad[3].id, "line 6");
  EXPECT_THAT(
      unimiss::testing::error_text<ConfigError>([&] {
        toy.probabilities({TargetKind::kClass, {"a", "c"}, {}});
      }),
      ::testing::HasSubstr("has the classes a, b, but a, c are expected"));
}

TEST(ProbabilityTable, LiesInTheFolderOfPredictions) {
  const testing::TemporaryDirectory folder;
  EXPECT_EQ(probabilities_file(folder.path().string()),
            folder.file("predictions.csv"));
  EXPECT_EQ(probabilities_file(folder.file("p.csv")), folder.file("p.csv"));
}

}  // namespace
}  // namespace unimiss::report
