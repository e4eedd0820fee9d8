#include "finetune/validation.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "finetune/toy_finetune.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"
#include "unimiss/io/image.h"
#include "unimiss/io/volume.h"
#include "unimiss/report/evaluation.h"

namespace unimiss::finetune {
namespace {

using augment::TargetKind;
using nlohmann::json;
using testing::toy_finetune;

report::Evaluation segmentation() {
  report::Evaluation evaluation;
  evaluation.target = TargetKind::kLabelMap;
  evaluation.classes = {"background", "left", "right"};
  report::CaseResult first, second;
  first.id = "a";
  first.counts = {{3, 1, 2, 10}, {0, 0, 0, 16}};  // Dice 2/3, none
  second.id = "b";
  second.counts = {{4, 0, 0, 12}, {1, 2, 0, 13}};  // 1, 1/2
  evaluation.cases = {first, second};
  return evaluation;
}

TEST(Validation, MeansAreOverCasesThenClassesWithoutWhatIsNowhere) {
  const report::Evaluation evaluation = segmentation();
  const double left = (2.0 / 3 + 1) / 2, right = 0.5;
  EXPECT_DOUBLE_EQ(*evaluation.score(), (left + right) / 2);
  const auto numbers = evaluation.numbers();
  EXPECT_DOUBLE_EQ(numbers.at("dice_left"), left);
  EXPECT_DOUBLE_EQ(numbers.at("dice_right"), right);

  const json summary = json::parse(evaluation.summary_json({{"step", "7"}}));
  EXPECT_EQ(summary["run"]["step"], "7");
  EXPECT_DOUBLE_EQ(summary["foreground_mean"]["Dice"], (left + right) / 2);
  EXPECT_DOUBLE_EQ(summary["mean"]["1"]["Dice"], left);
  const json& cases = summary["metric_per_case"];
  ASSERT_EQ(cases.size(), 2u);
  EXPECT_TRUE(cases[0]["metrics"]["2"]["Dice"].is_null());
  EXPECT_EQ(cases[0]["metrics"]["1"]["FN"], 2);
  EXPECT_EQ(cases[1]["metrics"]["2"]["n_pred"], 3);
}

TEST(Validation, ASummaryHasWhatElseWasMeasured) {
  report::Evaluation evaluation = segmentation();
  evaluation.cases[0].further = {{{"HD", 2}}, {{"HD", {}}}};
  evaluation.cases[1].further = {{{"HD", 4}}, {{"HD", 7}}};
  const json summary = json::parse(evaluation.summary_json({}));
  EXPECT_EQ(summary["metric_per_case"][0]["case"], "a");
  EXPECT_TRUE(summary["metric_per_case"][0]["metrics"]["2"]["HD"].is_null());
  EXPECT_EQ(summary["mean"]["1"]["HD"], 3);
  EXPECT_EQ(summary["mean"]["2"]["HD"], 7);
  EXPECT_EQ(summary["foreground_mean"]["HD"], 5);
}

TEST(Validation, ClassesAreRankedAndCounted) {
  report::Evaluation evaluation;
  evaluation.target = TargetKind::kClass;
  evaluation.classes = {"normal", "ill"};
  for (const auto& [label, p] :
       {std::pair<int64_t, double>{0, 0.2}, {1, 0.9}, {0, 0.6}, {1, 0.55}}) {
    report::CaseResult result;
    result.labels = {label};
    result.probabilities = {1 - p, p};
    evaluation.cases.push_back(result);
  }
  EXPECT_DOUBLE_EQ(*evaluation.score(), 0.75);  // 3 of 4 pairs
  const json summary = json::parse(evaluation.summary_json({}));
  EXPECT_EQ(summary["confusion_matrix"], json::parse("[[1, 1], [0, 2]]"));
  EXPECT_DOUBLE_EQ(summary["accuracy"], 0.75);
  EXPECT_DOUBLE_EQ(summary["balanced_accuracy"], 0.75);
  EXPECT_DOUBLE_EQ(summary["sensitivity_per_class"]["ill"], 1);
  EXPECT_DOUBLE_EQ(summary["specificity_per_class"]["ill"], 0.5);
  EXPECT_NEAR(
      evaluation.numbers().at("loss"),
      -(std::log(0.8) + std::log(0.9) + std::log(0.4) + std::log(0.55)) / 4,
      1e-9);
}

TEST(Validation, ASummaryTellsItsFacts) {
  const testing::TemporaryDirectory folder;
  const std::string file = folder.file("summary.json");
  EXPECT_TRUE(report::summary_facts(file).empty());
  const std::map<std::string, std::string> facts{{"step", "7"}, {"w", "x"}};
  testing::write_bytes(file, segmentation().summary_json(facts));
  EXPECT_EQ(report::summary_facts(file), facts);
  testing::write_bytes(file, "{\"run\": 3");
  EXPECT_TRUE(report::summary_facts(file).empty());
}

/// Cases larger than the patch, of another size each, predicted whole.
TEST(Validation, PredictsCasesOnTheirOwnGrid) {
  const testing::TemporaryDirectory folder;
  at::manual_seed(1);
  std::vector<augment::Case> cases;
  for (const int64_t width : {70, 101}) {
    const std::string id = "case" + std::to_string(width);
    io::write_png(folder.file(id + ".png"),
                  at::randint(256, {80, width}, torch::kByte));
    io::write_png(folder.file(id + "_mask.png"),
                  at::randint(3, {80, width}, torch::kByte));
    cases.push_back({id,
                     {folder.file(id + ".png")},
                     {folder.file(id + "_mask.png")},
                     {},
                     ""});
  }
  FinetuneConfig config = toy_finetune(TargetKind::kLabelMap);
  config.data.size = {96, 72};
  const task::TaskSpec spec = config.task_spec(config.task.classes);
  const auto network = task::make_task(spec);
  const data::CaseCache cache(cases, spec.decode_options(),
                              {folder.file("cache"), 1});
  const auto evaluations = evaluate(
      {}, {network.get()}, cache, {0, 1}, [] { return false; },
      folder.file("predictions"));
  ASSERT_TRUE(evaluations);
  const report::Evaluation& evaluation = evaluations->front();
  ASSERT_EQ(evaluation.cases.size(), 2u);
  const torch::Tensor map = io::read_pixels(evaluation.cases[1].prediction);
  EXPECT_EQ(map.sizes(), (std::vector<int64_t>{1, 80, 101}));
  const auto& counts = evaluation.cases[1].counts.at(0);
  EXPECT_EQ(counts.n_pred() + counts.false_negative + counts.true_negative,
            80 * 101);
  EXPECT_EQ(counts.n_pred(), map.eq(1).sum().item<int64_t>());

  // A network whose numbers are lost has found no background.
  torch::Tensor first = network->module().parameters().front();
  const torch::Tensor kept = first.detach().clone();
  {
    const torch::NoGradGuard no_grad;
    first.fill_(std::numeric_limits<float>::quiet_NaN());
    EXPECT_THROW(
        evaluate({}, {network.get()}, cache, {0}, [] { return false; }),
        RunError);
    first.copy_(kept);
  }

  // Asked to stop before the second case.
  int questions = 0;
  EXPECT_FALSE(evaluate({}, {network.get()}, cache, {0, 1},
                        [&] { return ++questions > 2; }));
}

}  // namespace
}  // namespace unimiss::finetune
