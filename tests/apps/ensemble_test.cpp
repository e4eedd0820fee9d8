// From a run to predictions and from these to numbers: what unimiss-evaluate
// measures of unimiss-predict's files is what the run said of its test.
#include <gmock/gmock.h>

#include <cstdlib>

#include "apps/toy_finetuning.h"

namespace unimiss {
namespace {

using Json = nlohmann::json;

class Ensemble : public testing::ToyFinetuning {
 protected:
  /// The summary of the predictions of these networks for a list.
  Json evaluated(const std::string& models, const std::string& list,
                 const std::string& output) const {
    const auto predicted = testing::run_program(
        "unimiss-predict", joined({"--threads 1 --model ", models, " --input ",
                                   list, " --output ", file(output)}));
    EXPECT_EQ(predicted.status, 0) << predicted.output;
    const std::string summary = file(output + "/summary.json");
    const auto measured = testing::run_program(
        "unimiss-evaluate",
        joined({"--predictions ", file(output), " --references ", list,
                " --output ", summary, " --resamples 50 --threads 2"}));
    EXPECT_EQ(measured.status, 0) << measured.output;
    return Json::parse(testing::read_bytes(summary));
  }

  Json summary_of(const std::string& run) const {
    return Json::parse(testing::read_bytes(file(run + "/test/summary.json")));
  }

  /// Every number of `mine` is in `more`, the same to the last bit; files are
  /// called as they lie.
  static void expect_in(const Json& mine, const Json& more,
                        const std::string& place) {
    for (const auto& [key, value] : mine.items()) {
      if (key == "run" || key.ends_with("_file")) continue;
      const std::string here = joined({place, ".", key});
      const Json& other = mine.is_array() ? more.at(std::stoul(key))
                                          : more.value(key, Json("missing"));
      if (value.is_structured()) {
        expect_in(value, other, here);
      } else {
        EXPECT_EQ(value, other) << here;
      }
    }
  }

  /// Trains on train.txt and expects of the predictions of test.txt all that
  /// the run's own test says; what was measured.
  Json reproduced(const std::string& task) const {
    const auto trained =
        finetune(joined({task, " data.train=", file("train.txt"),
                         " data.test=", file("test.txt")}));
    EXPECT_EQ(trained.status, 0) << trained.output;
    Json numbers = evaluated(file("run"), file("test.txt"), "out");
    expect_in(summary_of("run"), numbers, "");
    return numbers;
  }
};

TEST_F(Ensemble, OneNetworkHasTheNumbersOfItsTest) {
  label_maps("train", 3);
  label_maps("test", 3);
  const Json numbers =
      reproduced("'task.classes=[background, rim, core]' run.max_steps=4");
  ASSERT_EQ(numbers["metric_per_case"].size(), 3u);
  EXPECT_GT(numbers["foreground_mean"]["TP"], 0);
}

TEST_F(Ensemble, SoItIsOfProbabilities) {
  for (const std::string list : {"train", "test"}) {
    std::string lines;
    for (int i = 0; i < 6; ++i) {
      const std::string name = joined({list, std::to_string(i), ".png"});
      image(name, image_of(box({64, 64}), 20 * (i % 2)).expand({3, -1, -1}));
      lines += name + (i % 2 == 0 ? " dark\n" : " bright\n");
    }
    testing::write_bytes(file(list + ".txt"), lines);
  }
  const Json numbers = reproduced(
      "model.dimensions=2d task.target=class 'task.classes=[dark, bright]' "
      "run.max_steps=3 data.normalization.rule=unit");
  ASSERT_EQ(numbers["metric_per_case"].size(), 6u);
  EXPECT_TRUE(numbers["AUC"].is_number());
}

/// Five folds, and networks of two spacings, of a few steps on real volumes.
TEST_F(Ensemble, FoldsAndSpacingsOfTheSample) {
  const char* sample = std::getenv("UNIMISS_SAMPLE");
  if (sample == nullptr) GTEST_SKIP() << "UNIMISS_SAMPLE names no folder";
  const std::string folder = joined({sample, "/seg3d_hippocampus/"});
  const std::string common =
      "'task.classes=[background, anterior, posterior]' run.max_steps=3 "
      "'model.volume_size=[32, 64, 64]' data.normalization.rule=z_score "
      "validation.max_cases=1 data.folds=5 data.fold=";
  const auto train = [&](const std::string& run, int fold,
                         const std::string& more) {
    const auto trained = finetune(
        joined({common, std::to_string(fold), " data.cache=", file("cache"),
                " 'data.train=[", folder, "train.txt,", folder,
                "val.txt]' data.test=", folder, "test.txt ", more}),
        run);
    ASSERT_EQ(trained.status, 0) << trained.output;
  };
  std::string folds;
  for (int fold = 0; fold < 5; ++fold) {
    const std::string run = "fine" + std::to_string(fold);
    train(run, fold, "");
    folds += file(run) + " ";
  }
  train("coarse0", 0, "'data.spacing=[1.5, 1.5, 1.2]'");
  const std::string test = folder + "test.txt";
  expect_in(summary_of("coarse0"), evaluated(file("coarse0"), test, "one"), "");
  const Json spacings =
      evaluated(joined({file("fine0"), " ", file("coarse0")}), test, "two");
  const Json all = evaluated(folds, test, "five");
  for (const Json& summary : {spacings, all}) {
    EXPECT_EQ(summary["metric_per_case"].size(), 12u);
    EXPECT_TRUE(summary["foreground_mean"]["Dice"].is_number());
  }
  EXPECT_NE(spacings["mean"], all["mean"]);
  // Each case is in the validation of one fold.
  size_t validated = 0;
  for (int fold = 0; fold < 5; ++fold) {
    const std::string splits =
        joined({"fine", std::to_string(fold), "/splits.json"});
    validated +=
        Json::parse(testing::read_bytes(file(splits)))[0]["val"].size();
  }
  EXPECT_EQ(validated, 48u);
}

}  // namespace
}  // namespace unimiss
