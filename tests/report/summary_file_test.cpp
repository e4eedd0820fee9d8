#include "unimiss/report/summary_file.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "report/toy_results.h"
#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::report {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

class SummaryFile : public ::testing::Test {
 protected:
  std::string path() const { return folder_.file("summary.json"); }
  std::string text() const { return testing::read_bytes(path()); }
  Json json() const { return Json::parse(text()); }
  Summary read(const std::string& written) const {
    testing::write_bytes(path(), written);
    return read_summary(path());
  }
  void expect_the_same_again(const Summary& summary) const {
    write_summary(path(), summary);
    const std::string first = text();
    write_summary(path(), read_summary(path()));
    EXPECT_EQ(text(), first);
  }

  testing::TemporaryDirectory folder_;
};

SegmentationResults two_cases() {
  std::vector<SegmentedCase> cases{
      {"a", "r/a.png", "p/a.png", {overlap_values({3, 1, 2, 10})}},
      {"b", "r/b.png", "", {overlap_values({0, 0, 0, 16})}}};
  return segmentation_results({{"1", "left"}}, cases);
}

TEST_F(SummaryFile, OfATrainingIsReadAsItWasWritten) {
  expect_the_same_again({{{"step", "7"}, {"w", "x"}}, two_cases(), {}});
  expect_the_same_again({{}, toy_classification(), {}});
  expect_the_same_again(
      {{}, toy_classification(ClassRelation::kOverlapping), {}});
}

TEST_F(SummaryFile, HasTheFormOfNnUNet) {
  write_summary(path(), {{{"step", "7"}}, two_cases(), {}});
  EXPECT_THAT(text(), HasSubstr(R"(    "Dice": 0.6666666666666666,
     "IoU": 0.5,
     "FN": 2,
     "FP": 1,
     "TN": 10,
     "TP": 3,
     "n_pred": 4,
     "n_ref": 5
)"));
  const Json summary = json();
  std::vector<std::string> keys;
  for (const auto& [key, value] : summary.items()) keys.push_back(key);
  EXPECT_THAT(
      keys, ::testing::ElementsAre("run", "numbers", "foreground_mean", "mean",
                                   "metric_per_case", "classes"));
  EXPECT_EQ(summary["run"]["step"], "7");
  EXPECT_DOUBLE_EQ(summary["numbers"]["dice_left"], 2.0 / 3);
  EXPECT_TRUE(summary["metric_per_case"][1]["metrics"]["1"]["Dice"].is_null());
  EXPECT_EQ(summary["metric_per_case"][0]["prediction_file"], "p/a.png");
  EXPECT_EQ(summary["mean"]["1"]["TN"].dump(), "13.0");
}

TEST_F(SummaryFile, OfAnEvaluationTellsItsSettings) {
  Summary summary = evaluated(two_cases());
  EvaluationFacts& facts = *summary.evaluation;
  facts.settings.predictions = "p";
  facts.settings.label_values = {0, 255};
  facts.settings.pixel_spacing.emplace();
  facts.settings.missing_rule = "exclude";
  facts.settings.missing = {3};
  facts.intervals = {{"Dice", MetricScope::kEachClass, {std::nullopt}},
                     {"Dice",
                      MetricScope::kAllClasses,
                      {eval::Interval{0.5, 0.25, 0.75, 2, 9}}}};
  facts.bad = {{"x", "is no case"}};
  facts.comparison = Comparison{
      "other.json",
      2,
      {"y"},
      {},
      {{"Dice", MetricScope::kAllClasses, {eval::PairedComparison{}}}}};
  write_summary(path(), summary);
  const Json written = json();
  EXPECT_FALSE(written.contains("run"));
  EXPECT_TRUE(written["evaluation"]["pixel_spacing_mm"].is_null());
  EXPECT_EQ(written["evaluation"]["missing"]["count"], 3);
  EXPECT_EQ(written["evaluation"]["missing"]["count_per_class"]["1"], 3);
  EXPECT_EQ(written["interval"]["foreground_mean"]["Dice"],
            Json::parse(R"({"low": 0.25, "high": 0.75, "cases": 2})"));
  EXPECT_TRUE(written["interval"]["mean"]["1"]["Dice"].is_null());
  EXPECT_EQ(written["bad_cases"][0]["problem"], "is no case");
  EXPECT_EQ(written["comparison"]["foreground_mean"]["Dice"],
            Json::parse(R"({"difference": null, "low": null, "high": null,
                            "p_value": null, "cases": 0})"));

  const auto settings = read_summary(path()).evaluation.value().settings;
  EXPECT_EQ(settings.predictions, "p");
  EXPECT_EQ(settings.label_values, (std::vector<int64_t>{0, 255}));
  EXPECT_EQ(settings.tolerance, 1);
  EXPECT_EQ(settings.pixel_spacing, std::vector<double>());
  EXPECT_EQ(settings.missing_rule, "exclude");
}

TEST_F(SummaryFile, OfNnUNetIsRead) {
  const Summary summary = read(R"({
    "foreground_mean": {"Dice": 0.5, "TP": 3.0},
    "mean": {"1": {"Dice": 0.5, "TP": 3.0}},
    "metric_per_case": [{"metrics": {"1": {"Dice": 0.5, "TP": 3}},
      "prediction_file": "/p/liver_1.nii.gz", "reference_file": "/r/x.nii.gz"}]
  })");
  EXPECT_FALSE(summary.evaluation);
  const auto& results = std::get<SegmentationResults>(summary.results);
  ASSERT_EQ(results.classes.size(), 1u);
  EXPECT_EQ(results.classes[0].name, "1");
  EXPECT_EQ(results.cases.at(0).id, "liver_1");
  EXPECT_EQ(results.cases[0].reference, "/r/x.nii.gz");
  EXPECT_EQ(score(results), 0.5);
}

TEST_F(SummaryFile, MayHaveMeansOfAllClassesAlone) {
  const Summary summary = read(R"({"foreground_mean": {"Dice": 0.75},
    "metric_per_case": [{"reference_file": "a",
      "metrics": {"1": {"Dice": 0.5}, "2": {"Dice": null}}}]})");
  const auto& results = std::get<SegmentationResults>(summary.results);
  EXPECT_EQ(results.classes.size(), 2u);
  EXPECT_EQ(value_of(results.cases.at(0).classes.at(0), "Dice"), 0.5);
  EXPECT_FALSE(value_of(results.cases[0].classes.at(1), "Dice"));
  EXPECT_EQ(score(results), 0.75);
}

TEST_F(SummaryFile, ThatIsNoneIsRefused) {
  const auto refuses = [&](const std::string& written, const char* text) {
    EXPECT_THAT(testing::error_text<DataError>([&] { read(written); }),
                HasSubstr(text))
        << written;
    EXPECT_FALSE(find_summary(path()));
  };
  refuses("{\"run\": 3", "is no summary.json");
  refuses(R"({"a": 1})", "is no summary.json");
  refuses(R"({"metric_per_case": []})", "is damaged, or of another form");
  refuses(R"({"foreground_mean": {}, "mean": {"1": {}},
              "metric_per_case": [{"case": "a"}]})",
          "is damaged, or of another form");
  refuses(R"({"run": 3, "foreground_mean": {}, "metric_per_case": []})",
          "is damaged, or of another form");
  EXPECT_THAT(testing::error_text<DataError>(
                  [&] { read_summary(folder_.file("none.json")); }),
              HasSubstr("none.json: cannot be read"));
  EXPECT_FALSE(find_summary(folder_.file("none.json")));
}

}  // namespace
}  // namespace unimiss::report
