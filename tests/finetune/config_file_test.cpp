#include "unimiss/finetune/config_file.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::finetune {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class ConfigFile : public ::testing::Test {
 protected:
  FinetuneConfig read(const std::string& text,
                      const std::vector<std::string>& overrides = {}) {
    unimiss::testing::write_bytes(folder_.file("run.yaml"), text);
    return read_config(
        folder_.file("run.yaml"), overrides,
        [&](std::string_view line) { warnings_.emplace_back(line); });
  }
  /// The least that can be run, and a list that is there.
  std::string least() {
    unimiss::testing::write_bytes(folder_.file("train.txt"), "");
    return "init: {from_scratch: true}\ntask: {classes: [a, b]}\ndata:\n"
           "  train: " +
           folder_.file("train.txt") + "\n";
  }

  unimiss::testing::TemporaryDirectory folder_;
  std::vector<std::string> warnings_;
};

TEST_F(ConfigFile, IsReadAndChecked) {
  const FinetuneConfig config = read(least(), {"run.epochs=3"});
  EXPECT_EQ(config.run.epochs, 3);
  EXPECT_THAT(
      [&] { read(least() + "  workers: -1\n  test: nowhere.txt\n"); },
      ThrowsMessage<ConfigError>(AllOf(
          HasSubstr("run.yaml:5:12: data.workers: must be in"),
          HasSubstr("run.yaml:6:9: data.test"), HasSubstr("nowhere.txt"))));
}

TEST_F(ConfigFile, KeysAreReadByTheirEarlierNames) {
  const FinetuneConfig config =
      read(least() +
               "  validation: 0.5\n  intensity: {rule: unit}\n"
               "head: {rule: class_token}\n",
           {"schedule.clock=epoch"});
  EXPECT_EQ(config.data.split.validation_share, 0.5);
  EXPECT_EQ(config.data.normalization.rule, data::NormalizationRule::kUnit);
  EXPECT_EQ(config.classifier.rule, model::ClassificationRule::kClassToken);
  EXPECT_EQ(config.schedule.decay_by, DecayClock::kEpoch);
  EXPECT_THAT(
      warnings_,
      ElementsAre(
          HasSubstr("run.yaml:7:1: head is now called classifier"),
          HasSubstr("data.validation is now called data.validation_share"),
          HasSubstr("data.intensity is now called data.normalization"),
          HasSubstr("command line: schedule.clock is now called "
                    "schedule.decay_by")));
}

TEST_F(ConfigFile, WhatARunSavedNamesFilesThatMayBeGone) {
  const FinetuneConfig config =
      read_config_text("data: {train: gone.txt, validation: 0.5}", "saved");
  EXPECT_THAT(config.data.train, ElementsAre("gone.txt"));
  EXPECT_EQ(config.data.split.validation_share, 0.5);
  EXPECT_TRUE(
      config::compare(config, read_config_text(config::dump(config), "again"))
          .empty());
}

}  // namespace
}  // namespace unimiss::finetune
