#include "unimiss/pretrain/config.h"

#include <gtest/gtest.h>

#include "testing/error_text.h"
#include "unimiss/core/device.h"

namespace unimiss::pretrain {
namespace {

PretrainConfig runnable() {
  PretrainConfig config;
  config.data.images = {"images.txt"};
  config.data.volumes = {"volumes.txt"};
  return config;
}

std::string message_of(const PretrainConfig& config) {
  return unimiss::testing::error_text<ConfigError>([&] { validate(config); });
}

TEST(Config, ThePresetsDifferWhereThePaperAndTheCodeDo) {
  const auto paper = PretrainConfig::of(Preset::kPaper);
  const auto official = PretrainConfig::of(Preset::kOfficial);
  EXPECT_EQ(paper.loss.objective.center_rule, ssl::CenterRule::kPerStep);
  EXPECT_EQ(official.loss.objective.center_rule, ssl::CenterRule::kPerTerm);
  EXPECT_EQ(paper.loss.objective.cross_view_scale, ssl::CrossViewScale::kSum);
  EXPECT_EQ(official.loss.objective.cross_view_scale,
            ssl::CrossViewScale::kMean);
  EXPECT_EQ(paper.schedule.unit, AlternationUnit::kStep);
  EXPECT_EQ(official.schedule.unit, AlternationUnit::kEpoch);
  EXPECT_EQ(official.schedule.clock, ScheduleClock::kOfficial);
  EXPECT_DOUBLE_EQ(paper.optimizer.lr, 8e-4);
  EXPECT_DOUBLE_EQ(official.optimizer.lr, 6e-4);
  EXPECT_EQ(official.optimizer.inactive_rule,
            train::InactiveRule::kZeroGradient);
  EXPECT_EQ(official.model.position_rule, model::PositionRule::kOfficial);
  EXPECT_EQ(official.data.volume_transforms.draw_rule,
            augment::DrawRule::kPerSlice);
  EXPECT_EQ(paper.data.volume_transforms.draw_rule,
            augment::DrawRule::kPerVolume);
}

TEST(Config, ImpossibleCombinationsNameTheirKey) {
  EXPECT_EQ(message_of(runnable()), "no error");
  PretrainConfig config = runnable();
  config.data.images = config.data.volumes = {};
  EXPECT_NE(message_of(config).find("data.images"), std::string::npos);

  config = runnable();
  config.model.dimensions = model::Dimensions::k2d;
  EXPECT_NE(message_of(config).find("model.dimensions"), std::string::npos);

  config = runnable();
  config.data.images = {};
  config.model.dimensions = model::Dimensions::k3d;
  EXPECT_NE(message_of(config).find("loss.volume_slice"), std::string::npos);
  config.loss.objective.volume_slice = ssl::VolumeSlice::kOff;
  EXPECT_EQ(message_of(config), "no error");

  config = runnable();
  config.optimizer.lr = 0;
  EXPECT_NE(message_of(config).find("optimizer.lr"), std::string::npos);
}

TEST(Config, AllProblemsAreToldAtOnce) {
  PretrainConfig config = runnable();
  config.model.image_size = 1;
  config.data.image_transforms.hue = 1;
  config.run.epochs = 5;
  config.data.volumes = {};
  config.data.volume_weights = {1, 1};
  Problems problems;
  config.check(problems);
  std::vector<std::string> keys;
  for (const Problem& problem : problems.found()) keys.push_back(problem.key);
  EXPECT_EQ(keys, (std::vector<std::string>{
                      "model.image_size", "data.volume_weights",
                      "data.image_transforms.hue", "schedule.warmup_epochs"}));
}

TEST(Config, OnlyTheCheckOfListsLooksAtFiles) {
  PretrainConfig config = runnable();
  config.data.volumes = {"/dev/null", "/"};
  EXPECT_EQ(message_of(config), "no error");
  Problems problems;
  check_lists(config, problems);
  ASSERT_EQ(problems.found().size(), 2u);
  EXPECT_EQ(problems.found()[0].key, "data.images[0]");
  EXPECT_EQ(problems.found()[1].key, "data.volumes[1]");
}

TEST(Config, AGpuWithoutCodeIsRefusedWithTheFixingCommand) {
  EXPECT_EQ(gpu_problem({2, 10}, {7, 0}), "");
  EXPECT_EQ(gpu_problem({2, 11}, {9, 0}), "");
  EXPECT_NE(gpu_problem({2, 11}, {7, 0})
                .find("install_torch.sh --cuda --version 2.10.0"),
            std::string::npos);
  EXPECT_NE(gpu_problem({2, 13}, {6, 1}).find("run.device=cpu"),
            std::string::npos);
}

}  // namespace
}  // namespace unimiss::pretrain
