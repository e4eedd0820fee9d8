#include "unimiss/finetune/dry_run.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "finetune/toy_cases.h"
#include "testing/error_text.h"
#include "unimiss/core/error.h"

// Of its own: the tests bear the name of the class.
namespace unimiss::finetune::dry_run_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using unimiss::testing::error_text;
using unimiss::testing::write_bytes;

class DryRun : public unimiss::testing::ToyCases {};

TEST_F(DryRun, TellsWhatARunWouldDoAndDrawsItsSamples) {
  const finetune::DryRun plan = dry_run(config_, train::RealSteps::kNone);
  EXPECT_EQ(plan.train, 6);
  EXPECT_EQ(plan.validation, 2);
  EXPECT_EQ(plan.test, 2);
  EXPECT_EQ(plan.steps_per_epoch, 3);
  EXPECT_EQ(plan.total_steps, 6);
  EXPECT_EQ(plan.parameters.back().second, plan.trained_parameters);
  EXPECT_TRUE(std::filesystem::exists(plan.picture));
  EXPECT_FALSE(std::filesystem::exists(config_.run.output));
  EXPECT_FALSE(std::filesystem::exists(file("cache")));
  const std::string text = plan.describe_plan();
  for (const char* part :
       {"label_map of 3: background, left, right", "random weights",
        "6 to train of 6 listed, 2 to validate, 2 to test",
        "whole cases resized to 64 x 64; patch 64 x 64",
        "6 in all, 3 an epoch, 2.0 epochs, batch 2"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_THAT(plan.describe(), HasSubstr("not measured: --no-steps"));
}

TEST_F(DryRun, MeasuresAStep) {
  config_.run.threads = 1;
  const finetune::DryRun plan = dry_run(config_, train::RealSteps::kTaken);
  ASSERT_TRUE(plan.seconds_per_step);
  EXPECT_GT(*plan.seconds_per_step, 0);
  EXPECT_THAT(plan.describe(), HasSubstr("  step            about"));
  EXPECT_THAT(plan.describe(), Not(HasSubstr("not measured")));
}

TEST_F(DryRun, CasesThatCannotBeReadAreTold) {
  write_bytes(file("train0.png"), "no image");
  const auto plan = [&] { dry_run(config_, train::RealSteps::kNone); };
  EXPECT_THAT(error_text<ConfigError>(plan), HasSubstr("train0.png"));
  config_.data.on_error = data::OnError::kSkip;
  EXPECT_EQ(error_text<Error>(plan), "no error");
}

TEST_F(DryRun, WeightsThatAreNotThereAreFound) {
  config_.init.from_scratch = false;
  config_.init.weights = file("gone.safetensors");
  EXPECT_THAT(error_text<ConfigError>(
                  [&] { dry_run(config_, train::RealSteps::kNone); }),
              HasSubstr("gone.safetensors"));
}

}  // namespace
}  // namespace unimiss::finetune::dry_run_test
