#include "unimiss/pretrain/history.h"

#include <gmock/gmock.h>

#include <limits>

namespace unimiss::pretrain {
namespace {

using ::testing::HasSubstr;

train::StepRecord record_of(int64_t step, const std::string& phase,
                            double loss) {
  train::StepRecord record;
  record.step = step;
  record.phase = phase;
  record.loss = loss;
  record.terms = {{phase == "2d" ? "image" : "volume", loss}};
  record.diagnostics = {{"momentum", 0.99}, {"teacher_entropy", loss / 2}};
  record.samples = 4;
  record.seconds = 2;
  record.wait_seconds = 0.5;
  record.peak_memory_mb = 100 + step;
  return record;
}

TEST(History, SummarizesItsSteps) {
  History history;
  for (int64_t step = 1; step <= 20; ++step) {
    history.add(record_of(step, step <= 10 ? "2d" : "3d",
                          static_cast<double>(21 - step)));
  }
  Summary summary;
  history.describe(summary);
  EXPECT_EQ(summary.steps, 20);
  EXPECT_EQ(summary.samples_2d, 40);
  EXPECT_EQ(summary.samples_3d, 40);
  EXPECT_EQ(summary.samples_per_second_2d, 2);
  EXPECT_EQ(summary.seconds, 40);
  EXPECT_EQ(summary.data_wait, 0.25);
  EXPECT_EQ(summary.peak_memory_mb, 120);
  ASSERT_EQ(summary.terms.size(), 2u);
  EXPECT_EQ(summary.terms[0].name, "image");
  EXPECT_EQ(summary.terms[0].first, 20);
  EXPECT_EQ(summary.terms[0].last, 11);
  ASSERT_EQ(summary.entropies.size(), 2u);
  EXPECT_EQ(summary.entropies[1].name, "3d");
  EXPECT_EQ(summary.entropies[1].last, 0.5);
}

TEST(History, StepsThatWereSkippedAreCounted) {
  History history;
  history.add(record_of(1, "2d", 3));
  auto skipped = record_of(2, "2d", std::numeric_limits<double>::quiet_NaN());
  skipped.skipped = train::kSkippedNonFinite;
  history.add(skipped);
  skipped = record_of(3, "2d", 100);
  skipped.skipped = train::kSkippedSpike;
  history.add(skipped);
  Summary summary;
  history.describe(summary);
  EXPECT_EQ(summary.skipped_nonfinite, 1);
  EXPECT_EQ(summary.skipped_spikes, 1);
  EXPECT_EQ(summary.skipped_overflow, 0);
  EXPECT_EQ(summary.terms[0].first, 3);  // what is not finite has no mean
}

TEST(History, TellsTheEntropyWithEachStep) {
  const History history;
  EXPECT_EQ(history.remark(record_of(1, "2d", 3)), "entropy 1.500");
  train::StepRecord none = record_of(1, "2d", 3);
  none.diagnostics.clear();
  EXPECT_EQ(history.remark(none), "");
}

TEST(History, ACollapseIsNamed) {
  Summary summary;
  summary.output = "run";
  summary.largest_entropy = 10;
  summary.terms = {{"image", 5, 4}, {"volume", 4, 5}};
  summary.entropies = {{"2d", 9, 5}, {"3d", 9, 0.1}};
  const std::string text = summary.describe();
  EXPECT_THAT(text, HasSubstr("5.0000 -> 4.0000  fell"));
  EXPECT_THAT(text, HasSubstr("4.0000 -> 5.0000  did not fall"));
  EXPECT_THAT(text, HasSubstr("9.0000 -> 5.0000  healthy"));
  EXPECT_THAT(text, HasSubstr("9.0000 -> 0.1000  COLLAPSED"));
  summary.output.clear();
  EXPECT_EQ(summary.describe(), "");  // of a process that does not lead
}

TEST(History, ASummaryTellsWhatToDoNext) {
  Summary summary;
  summary.output = "runs/a";
  summary.picture = "runs/a/progress.png";
  summary.programs = "build/bin/";
  const std::string text = summary.describe();
  for (const char* part :
       {"look at     runs/a/progress.png:",
        "\n    build/bin/unimiss-finetune --config ", " init.weights=runs/a ",
        "\n    build/bin/unimiss-table --config ", " --init pretrained=runs/a ",
        "configs/finetune/bcv.yaml",
        "(scripts/build.sh builds the programs):"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  summary.programs.clear();
  summary.images_only = true;
  summary.architecture = " model.variant=tiny";
  const std::string other = summary.describe();
  EXPECT_THAT(other, HasSubstr("configs/finetune/chestxr.yaml"));
  EXPECT_THAT(other, HasSubstr("data.test=test.txt model.variant=tiny\n"));
  EXPECT_THAT(other, ::testing::Not(HasSubstr("build.sh")));
}

}  // namespace
}  // namespace unimiss::pretrain
