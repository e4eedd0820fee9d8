#include <gmock/gmock.h>

#include "unimiss/finetune/run.h"

namespace unimiss::finetune {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Summary finished() {
  Summary summary;
  summary.device = "cpu";
  summary.precision = "fp32";
  summary.model = "MiT-7";
  summary.parameters = 2'000'000;
  summary.trained_parameters = 500'000;
  summary.train = 7;
  summary.steps = summary.total_steps = 40;
  summary.output = "runs/a";
  summary.weights = "runs/a/export/best.safetensors";
  summary.metrics = "runs/a/metrics.jsonl";
  return summary;
}

TEST(Summary, TellsWhatWasDoneAndWhereItLies) {
  const std::string text = finished().describe();
  for (const char* part :
       {"finished: 40 of 40 steps in ",
        "MiT-7, 2.0 M parameters, 0.5 M trained",
        "7 to train, 0 to validate, 0 to test",
        "runs/a/export/best.safetensors\n", "runs/a/metrics.jsonl\n"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(Summary, TellsWhatToDoNext) {
  Summary summary = finished();
  summary.programs = "build/bin/";
  const std::string text = summary.describe();
  EXPECT_THAT(text,
              HasSubstr("\n    build/bin/unimiss-predict --model runs/a "));
  EXPECT_THAT(text,
              HasSubstr("\n    build/bin/unimiss-evaluate --predictions "));
  EXPECT_THAT(text, HasSubstr(" --references labels "));
  summary.references = "test.txt";
  EXPECT_THAT(summary.describe(), HasSubstr(" --references test.txt "));
}

TEST(Summary, LeavesOutWhatThereWasNot) {
  const std::string text = finished().describe();
  for (const char* part :
       {"stopped early", "processes", "validation  ", "test  ", "left out"}) {
    EXPECT_THAT(text, Not(HasSubstr(part)));
  }
  // One that only another process tells of.
  EXPECT_EQ(Summary().describe(), "");
}

TEST(Summary, TellsOfTheBestTheTestAndTheCasesLeftOut) {
  Summary summary = finished();
  summary.steps = 30;
  summary.stopped_early = true;
  summary.score_name = "Dice";
  summary.best_score = 0.75;
  summary.best_step = 20;
  summary.test_numbers = {{"dice", 0.5}, {"dice_liver", 0.25}};
  summary.test_summary = "runs/a/test/summary.json";
  summary.left_out = {"case 3: its label map is damaged"};
  const std::string text = summary.describe();
  for (const char* part :
       {"30 of 40 steps (stopped early)", "best Dice 0.7500 after step 20",
        "dice           0.5000", "dice_liver     0.2500",
        "runs/a/test/summary.json", "1 cases that cannot be used",
        "    case 3: its label map is damaged\n"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

}  // namespace
}  // namespace unimiss::finetune
