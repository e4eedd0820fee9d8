#include "apps/toy_evaluation.h"

namespace unimiss {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::ProgramResult;
using testing::read_bytes;
using testing::write_bytes;

/// Images, a list with their classes, and a predictions.csv.
class EvaluateClasses : public testing::ToyEvaluation {
 protected:
  EvaluateClasses() {
    std::string list;
    for (const std::string line : {"w normal", "x ill", "y normal", "z ill"}) {
      io::write_png(file(line.substr(0, 1) + ".png"),
                    at::zeros({2, 2}, torch::kByte));
      list += line.substr(0, 1) + ".png" + line.substr(1) + "\n";
    }
    write_bytes(file("list.txt"), list);
    predictions(kRows);
  }

  void predictions(const std::string& rows) const {
    write_bytes(file("p/predictions.csv"),
                "case,predicted,normal,ill\n" + rows);
  }
  ProgramResult classify(const std::string& options,
                         const std::string& output = "summary.json",
                         const std::string& from = "p/predictions.csv") const {
    return evaluate(options, output, from, "list.txt");
  }

  static constexpr const char* kRows =
      "w,normal,0.8,0.2\nx,ill,0.1,0.9\ny,ill,0.42,0.58\nz,ill,0.45,0.55\n";
};

TEST_F(EvaluateClasses, MeasuresProbabilities) {
  const ProgramResult result = classify("--target class");
  ASSERT_EQ(result.status, 0) << result.output;
  const json summary = made();
  // Of the pairs of an ill and a normal case, y is above z.
  EXPECT_DOUBLE_EQ(summary["AUC"], 0.75);
  EXPECT_DOUBLE_EQ(summary["AUC_per_class"]["normal"], 0.75);
  // x is found with precision 1, z with 2/3.
  EXPECT_DOUBLE_EQ(summary["average_precision"], (1 + 2.0 / 3) / 2);
  EXPECT_DOUBLE_EQ(summary["accuracy"], 0.75);
  EXPECT_DOUBLE_EQ(summary["balanced_accuracy"], 0.75);
  EXPECT_DOUBLE_EQ(summary["sensitivity_per_class"]["ill"], 1);
  EXPECT_DOUBLE_EQ(summary["specificity_per_class"]["ill"], 0.5);
  EXPECT_EQ(summary["confusion_matrix"], json::parse("[[1, 1], [0, 2]]"));
  // The confidences 0.55 and 0.58 share a bin, and one of them is right.
  EXPECT_NEAR(summary["calibration_error"], (0.2 + 0.1 + 0.13) / 4, 1e-12);
  for (const char* name : {"AUC", "average_precision", "accuracy"}) {
    const json& interval = summary["interval"][name];
    EXPECT_LE(interval["low"], summary[name]) << name;
    EXPECT_GE(interval["high"], summary[name]) << name;
  }
  EXPECT_EQ(summary["metric_per_case"][1],
            json::parse(R"({"case": "x", "labels": [1],
                            "probabilities": [0.1, 0.9]})"));
  EXPECT_THAT(read_bytes(file("summary.csv")), HasSubstr("value,ill,0.75,"));
  EXPECT_THAT(read_bytes(file("summary.md")), HasSubstr("| normal | 1 | 1 |"));
}

TEST_F(EvaluateClasses, TakesTheFolderOfPredictions) {
  ASSERT_EQ(classify("").status, 0);
  const json table = made();
  write_bytes(file("p/predict.json"),
              R"({"networks": [], "target": "class", "label_values": [],
                  "classes": ["normal", "ill"]})");
  const ProgramResult result = classify("", "folder.json", "p");
  ASSERT_EQ(result.status, 0) << result.output;
  json folder = made("folder.json");
  folder["evaluation"]["predictions"] = table["evaluation"]["predictions"];
  EXPECT_EQ(folder, table);
}

TEST_F(EvaluateClasses, MeasuresAnyNumberOfClasses) {
  write_bytes(file("list.txt"), "");
  write_bytes(file("list.csv"),
              "image,label\nw.png,\nx.png,0|1\ny.png,1\nz.png,0\n");
  predictions("w,,0.1,0.2\nx,,0.8,0.9\ny,,0.4,0.6\nz,,0.3,0.7\n");
  const ProgramResult result =
      evaluate("--target classes", "summary.json", "p", "list.csv");
  ASSERT_EQ(result.status, 0) << result.output;
  const json summary = made();
  EXPECT_DOUBLE_EQ(summary["AUC_per_class"]["normal"], 0.75);
  EXPECT_DOUBLE_EQ(summary["AUC_per_class"]["ill"], 0.75);
  EXPECT_DOUBLE_EQ(summary["AUC"], 0.75);
  EXPECT_DOUBLE_EQ(summary["accuracy_per_class"]["normal"], 0.75);
  EXPECT_DOUBLE_EQ(summary["accuracy_per_class"]["ill"], 0.75);
  EXPECT_TRUE(summary["interval"]["AUC_per_class"]["ill"].is_object());
  EXPECT_FALSE(summary.contains("confusion_matrix"));
}

TEST_F(EvaluateClasses, ComparesWithAnotherSummary) {
  ASSERT_EQ(classify("", "other.json").status, 0);
  predictions("w,,0.8,0.2\nx,,0.1,0.9\ny,,0.7,0.3\nz,,0.45,0.55\n");
  const ProgramResult result = classify("--compare " + file("other.json"));
  ASSERT_EQ(result.status, 0) << result.output;
  const json compared = made()["comparison"];
  EXPECT_DOUBLE_EQ(compared["AUC"]["difference"], 0.25);
  EXPECT_DOUBLE_EQ(compared["accuracy"]["difference"], 0.25);
  EXPECT_EQ(compared["accuracy"]["p_value"], 1);
  EXPECT_NEAR(compared["right_probability"]["difference"], 0.07, 1e-12);
  EXPECT_THAT(read_bytes(file("summary.md")),
              HasSubstr("| **all** | accuracy | 0.2500 ["));
}

TEST_F(EvaluateClasses, TellsOfEveryBadRow) {
  predictions("w,normal,0.8,0.2\nx,ill,0.1,1.9\ny,ill,0.4,0.6\nv,ill,0,1\n");
  const ProgramResult result = classify("");
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(
      result.output,
      AllOf(HasSubstr("3 cases cannot be evaluated"), HasSubstr("has '1.9'"),
            HasSubstr("v: has no label in"), HasSubstr("z: has no row in")));
  EXPECT_FALSE(exists("summary.json"));
  ASSERT_EQ(classify("--skip-bad").status, 0);
  const json summary = made();
  EXPECT_EQ(summary["metric_per_case"].size(), 2u);
  EXPECT_TRUE(summary["AUC"].is_null());  // of one class only
}

TEST_F(EvaluateClasses, RefusesOtherClassesAndLists) {
  const ProgramResult other = classify("--classes normal,covid");
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.output,
              HasSubstr("has the classes normal, ill, but normal, covid"));
  write_bytes(file("list.txt"), "w.png normal\nx.png covid\n");
  const ProgramResult list = classify("");
  EXPECT_EQ(list.status, 2);
  EXPECT_THAT(list.output, HasSubstr("covid"));
  EXPECT_EQ(classify("", "s.json", "nowhere.csv").status, 2);
  EXPECT_EQ(classify("", "p/predictions.json").status, 2);
  EXPECT_EQ(evaluate("--target class").status, 2);
}

}  // namespace
}  // namespace unimiss
