#include "report/summary_comparison.h"

#include <gtest/gtest.h>

#include "report/expect_config_error.h"
#include "report/toy_summary.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"

namespace unimiss::report {
namespace {

const std::vector<std::string> kClasses{"left", "right"};

TEST(SummaryComparison, IsOverTheCasesOfBoth) {
  const Json here = toy_summary(
      {{"a", {0.9, {}}}, {"b", {0.8, 0.5}}, {"c", {0.7, 0.5}}}, kClasses);
  const Json there = toy_summary(
      {{"d", {0, 0}}, {"c", {0.5, 0.4}}, {"b", {0.7, 0.6}}}, kClasses);
  const Json compared = compare_summaries(here, there, "other.json", {});
  EXPECT_EQ(compared["with"], "other.json");
  EXPECT_EQ(compared["cases"], 2);
  EXPECT_EQ(compared["only_here"], Json::parse(R"(["a"])"));
  EXPECT_EQ(compared["only_there"], Json::parse(R"(["d"])"));
  const Json& left = compared["mean"]["1"]["Dice"];  // 0.1 and 0.2
  EXPECT_NEAR(left["difference"], 0.15, 1e-12);
  EXPECT_NEAR(left["low"], 0.1, 1e-12);
  EXPECT_NEAR(left["high"], 0.2, 1e-12);
  EXPECT_DOUBLE_EQ(left["p_value"], 0.5);  // the least of two cases
  EXPECT_EQ(left["cases"], 2);
  // Means of both classes: 0.65 - 0.65 and 0.6 - 0.45.
  EXPECT_NEAR(compared["foreground_mean"]["Dice"]["difference"], 0.075, 1e-12);
}

TEST(SummaryComparison, FindsClassesByName) {
  const Json here = toy_summary({{"a", {0.9, 0.5}}, {"b", {1, 0.5}}}, kClasses);
  const Json there =
      toy_summary({{"a", {0.5, 0.8}}, {"b", {0.5, 0.8}}}, {"right", "left"});
  const Json compared = compare_summaries(here, there, "other.json", {});
  EXPECT_NEAR(compared["mean"]["1"]["Dice"]["difference"], 0.15, 1e-12);
  EXPECT_NEAR(compared["mean"]["2"]["Dice"]["difference"], 0, 1e-12);
  EXPECT_EQ(compared["mean"]["2"]["Dice"]["p_value"], 1);
}

TEST(SummaryComparison, WithoutNamesAClassIsItsValueInTheFiles) {
  Json here = toy_summary({{"a", {0.9, 0.5}}, {"b", {1, 0.5}}}, kClasses);
  here["evaluation"] = {{"label_values", {0, 2, 1}}};
  Json there = toy_summary({{"a", {0.5, 0.8}}, {"b", {0.5, 0.8}}}, kClasses);
  there.erase("classes");
  const Json compared = compare_summaries(here, there, "other.json", {});
  // left is 2 in the files, right is 1.
  EXPECT_NEAR(compared["mean"]["1"]["Dice"]["difference"], 0.15, 1e-12);
  EXPECT_NEAR(compared["mean"]["2"]["Dice"]["difference"], 0, 1e-12);
}

Json classification(const std::string& probabilities) {
  return Json::parse(R"({"classes": ["a", "b"], "confusion_matrix": [],
    "metric_per_case": [
      {"case": "x", "labels": [0], "probabilities": [0.9, 0.1]},
      {"case": "y", "labels": [1], "probabilities": )" +
                     probabilities + R"(},
      {"case": "z", "labels": [1], "probabilities": [0.2, 0.8]}]})");
}

TEST(SummaryComparison, OfClassesResamplesTheSameCases) {
  const Json compared = compare_summaries(classification("[0.4, 0.6]"),
                                          classification("[0.95, 0.05]"),
                                          "other.json", {.resamples = 500});
  EXPECT_NEAR(compared["AUC"]["difference"], 0.5, 1e-12);
  EXPECT_GE(compared["AUC"]["low"], 0);
  EXPECT_TRUE(compared["AUC"]["p_value"].is_null());
  EXPECT_NEAR(compared["accuracy"]["difference"], 1.0 / 3, 1e-12);
  EXPECT_TRUE(compared["accuracy"]["p_value"].is_number());
  EXPECT_NEAR(compared["right_probability"]["difference"], 0.55 / 3, 1e-12);
  EXPECT_NEAR(compared["AUC_per_class"]["a"]["difference"], 0.5, 1e-12);
}

TEST(SummaryComparison, RefusesWhatIsNotComparable) {
  const auto refuses = [](const Json& here, const Json& there,
                          const char* text) {
    expect_config_error([&] { compare_summaries(here, there, "o.json", {}); },
                        text);
  };
  const Json here = toy_summary({{"a", {0.9, 0.5}}}, kClasses);
  refuses(here, toy_summary({{"b", {0.9, 0.5}}}, kClasses), "none of these");
  refuses(here, toy_summary({{"a", {0.9, 0.5}}}, {"left", "liver"}),
          "none is called right");
  refuses(here, classification("[0, 1]"), "another kind");
  Json measured = here, otherwise = here;
  measured["evaluation"] = {{"tolerance_mm", 1}};
  otherwise["evaluation"] = {{"tolerance_mm", 2}};
  refuses(measured, otherwise, "another tolerance_mm");
  Json damaged = here;
  damaged["metric_per_case"][0].erase("metrics");
  refuses(here, damaged, "damaged");

  const testing::TemporaryDirectory folder;
  expect_config_error([&] { read_summary(folder.file("none.json")); },
                      "cannot be read");
  testing::write_bytes(folder.file("x.json"), "{\"a\": 1}");
  expect_config_error([&] { read_summary(folder.file("x.json")); },
                      "is no summary.json");
}

}  // namespace
}  // namespace unimiss::report
