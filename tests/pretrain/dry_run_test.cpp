#include "unimiss/pretrain/dry_run.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "pretrain/toy_pretrain.h"
#include "testing/error_text.h"
#include "unimiss/core/error.h"

// Of its own: the tests bear the name of the class.
namespace unimiss::pretrain::dry_run_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class DryRun : public unimiss::testing::ToyPretrain {};

TEST_F(DryRun, TellsWhatARunWouldDoAndWritesNothing) {
  const pretrain::DryRun plan = dry_run(config_, train::RealSteps::kNone);
  ASSERT_EQ(plan.phases.size(), 2u);
  EXPECT_EQ(plan.phases[0].name, "2d");
  EXPECT_EQ(plan.phases[0].files, 3);
  EXPECT_EQ(plan.phases[1].samples, 4);
  EXPECT_EQ(plan.phases[0].steps + plan.phases[1].steps, 6);
  EXPECT_EQ(plan.total_steps, 6);
  EXPECT_EQ(plan.parameters[0].second + plan.parameters[1].second +
                plan.parameters[2].second,
            plan.parameters[3].second);
  EXPECT_FALSE(plan.phases[0].seconds_per_step);
  const std::string text = plan.describe_plan();
  for (const char* part :
       {"  steps           6 in all", "  2d phase        3 files, 3 samples",
        "  3d phase        1 files, 4 samples", "batch 2", "projection head"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_THAT(plan.describe(), HasSubstr("not measured: --no-steps"));
  EXPECT_FALSE(std::filesystem::exists(config_.run.output));
  EXPECT_FALSE(std::filesystem::exists(file("cache")));
}

TEST_F(DryRun, MeasuresStepsOfEachKind) {
  config_.run.threads = 1;
  const pretrain::DryRun plan = dry_run(config_, train::RealSteps::kTaken);
  for (const pretrain::DryRun::Phase& phase : plan.phases) {
    ASSERT_TRUE(phase.seconds_per_step) << phase.name;
    EXPECT_GT(*phase.seconds_per_step, 0) << phase.name;
  }
  EXPECT_THAT(plan.describe(), Not(HasSubstr("not measured")));
  EXPECT_THAT(plan.describe(), HasSubstr("3d step         about"));
}

TEST_F(DryRun, OnlyTheKindsThereAreHaveAPhase) {
  config_.data.volumes.clear();
  const pretrain::DryRun plan = dry_run(config_, train::RealSteps::kNone);
  ASSERT_EQ(plan.phases.size(), 1u);
  EXPECT_THAT(plan.describe_plan(), Not(HasSubstr("3d phase")));
}

TEST_F(DryRun, FindsWhatARunWouldFind) {
  unimiss::testing::write_bytes(file("volumes.txt"), "gone.nii\n");
  EXPECT_THAT(unimiss::testing::error_text<ConfigError>(
                  [&] { dry_run(config_, train::RealSteps::kNone); }),
              HasSubstr("gone.nii"));
}

}  // namespace
}  // namespace unimiss::pretrain::dry_run_test
