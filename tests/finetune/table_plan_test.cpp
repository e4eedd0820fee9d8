#include "unimiss/finetune/table_plan.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::finetune {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

class TablePlan : public ::testing::Test {
 protected:
  TablePlan() {
    write("train.txt", "a.nii.gz|b.nii.gz\n");
    write("test.txt", "c.nii.gz|d.nii.gz\n");
    write("weights.safetensors", "numbers");
    write("toy.yaml", "task: {target: class, classes: [a, b]}\ndata: {train: " +
                          file("train.txt") + ", test: " + file("test.txt") +
                          "}\n");
    request_.config = file("toy.yaml");
    request_.output = file("table");
    request_.initializations = {"scratch"};
    request_.seeds = {1};
  }

  std::string file(const std::string& name) { return folder_.file(name); }
  void write(const std::string& name, const std::string& text) {
    fs::create_directories(fs::path(file(name)).parent_path());
    unimiss::testing::write_bytes(file(name), text);
  }
  std::string read(const std::string& name) {
    std::ifstream stream(file(name));
    std::stringstream text;
    text << stream.rdbuf();
    return text.str();
  }

  std::vector<TableRun> plan() {
    warnings_.clear();
    return plan_table(
        request_, [&](std::string_view line) { warnings_.emplace_back(line); });
  }
  void expect_refused(const std::string& part) {
    EXPECT_THAT([&] { plan(); }, ThrowsMessage<ConfigError>(HasSubstr(part)));
  }
  /// Makes the only run a finished one.
  void finish() {
    begin_table_run(plan().at(0));
    write(kRun + "manifest.json", "{}");
    write(kRun + "test/summary.json",
          R"({"AUC": 0.75, "classes": ["a", "b"], "metric_per_case": []})");
  }

  const std::string kRun = "table/scratch/ratio_1/seed_1/";
  unimiss::testing::TemporaryDirectory folder_;
  TableRequest request_;
  std::vector<std::string> warnings_;
};

TEST_F(TablePlan, HasARunForEveryCombination) {
  request_.initializations = {"scratch", "ours=" + file("weights.safetensors")};
  request_.ratios = {0.4, 1};
  request_.seeds = {1, 2};
  request_.overrides = {"run.max_steps=2"};
  const auto runs = plan();
  ASSERT_EQ(runs.size(), 8u);
  EXPECT_EQ(runs[0].folder, file("table/scratch/ratio_0.4/seed_1"));
  EXPECT_THAT(runs[0].overrides,
              ElementsAre("run.max_steps=2", "data.label_ratio=0.4",
                          "run.seed=1", "init.from_scratch=true"));
  EXPECT_EQ(runs[7].folder, file("table/ours/ratio_1/seed_2"));
  EXPECT_THAT(runs[7].overrides,
              ElementsAre("run.max_steps=2", "data.label_ratio=1", "run.seed=2",
                          "init.from_scratch=false",
                          "init.weights=" + file("weights.safetensors")));
  const auto cells = table_cells(runs);
  ASSERT_EQ(cells.size(), 4u);
  EXPECT_EQ(cells[3].initialization, "ours");
  EXPECT_EQ(cells[3].seeds, 2);
  EXPECT_THAT(cells[3].results, IsEmpty());
}

TEST_F(TablePlan, RefusesWhatCannotBe) {
  request_.initializations = {"scratch", "scratch"};
  expect_refused("--init: names 'scratch' twice");
  request_.initializations = {"random"};
  expect_refused("--init: must be scratch, or NAME=WEIGHTS");
  request_.initializations = {"ours=" + file("none")};
  expect_refused("does not exist");
  request_.initializations = {"a/b=" + file("weights.safetensors")};
  expect_refused("cannot be the name of a folder");
  request_.initializations = {"scratch"};
  request_.seeds = {1, 1};
  expect_refused("--seed: names a value twice");
  request_.seeds = {1};
  request_.ratios = {2};
  expect_refused("data.label_ratio");
  request_.ratios = {1};
  request_.overrides = {"data.test=[]"};
  expect_refused("nothing to compare");
}

TEST_F(TablePlan, ARunHasFinishedOnceItWasTested) {
  EXPECT_FALSE(plan().at(0).finished);
  finish();
  const auto runs = plan();
  EXPECT_TRUE(runs.at(0).finished);
  EXPECT_EQ(table_cells(runs).at(0).results.at(1).score, 0.75);
  fs::remove_all(file(kRun + "test"));
  EXPECT_FALSE(plan().at(0).finished);
}

TEST_F(TablePlan, ARunOfOtherSettingsOrFilesIsRefused) {
  finish();
  request_.overrides = {"optimizer.lr=0.5"};
  expect_refused("table_settings.yaml: tells of a run with other settings");
  request_.overrides.clear();
  write("train.txt", "another.nii.gz\n");
  expect_refused("tells of a run with other settings");
  write("train.txt", "a.nii.gz|b.nii.gz\n");
  EXPECT_TRUE(plan().at(0).finished);
  fs::remove(file(kRun + "table_settings.yaml"));
  expect_refused("is a run, but not of this table");
}

TEST_F(TablePlan, SettingsWithEarlierNamesOfKeysAreTheSame) {
  finish();
  std::string text = read(kRun + "table_settings.yaml");
  for (const auto& [now, before] :
       {std::pair{"\n  validation_share:", "\n  validation:"},
        {"\n  normalization:", "\n  intensity:"},
        {"\n  decay_by:", "\n  clock:"},
        {"\nclassifier:", "\nhead:"}}) {
    const size_t at = text.find(now);
    ASSERT_NE(at, std::string::npos) << now;
    text.replace(at, std::string(now).size(), before);
  }
  write(kRun + "table_settings.yaml", text);
  EXPECT_TRUE(plan().at(0).finished);
  write(kRun + "table_settings.yaml", text + "nonsense: 1\n");
  expect_refused("other settings");
}

TEST_F(TablePlan, WarnsOnceOfAllRuns) {
  request_.seeds = {1, 2, 3};
  request_.overrides = {"data.validation=0.5"};
  plan();
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("data.validation is now called "
                                               "data.validation_share")));
}

}  // namespace
}  // namespace unimiss::finetune
