#include "unimiss/predict/prediction.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "predict/saved_toys.h"
#include "testing/error_text.h"
#include "testing/files.h"
#include "unimiss/core/error.h"

namespace unimiss::predict {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Two images in in/, whose predictions go to out/.
class Predictions {
 public:
  explicit Predictions(const std::string& target = "label_map") {
    at::manual_seed(5);
    for (const char* name : {"in/a.png", "in/b.png"}) {
      write_image(folder_, name);
    }
    request_.models = {save_toy(folder_, target, 1)};
    request_.input = folder_.file("in");
    request_.output = folder_.file("out");
    request_.device = DeviceChoice::kCpu;
  }
  nlohmann::json facts() const {
    return nlohmann::json::parse(
        testing::read_bytes(folder_.file("out/predict.json")));
  }
  std::string error() const {
    return unimiss::testing::error_text<ConfigError>(
        [&] { run_prediction(request_); });
  }

  testing::TemporaryDirectory folder_;
  PredictionRequest request_;
};

TEST(Prediction, DoesWhatIsNotThereYet) {
  Predictions here;
  const auto first = run_prediction(here.request_);
  EXPECT_EQ(first.cases, 2);
  EXPECT_EQ(first.predicted, 2);
  EXPECT_THAT(first.problems, IsEmpty());
  std::filesystem::remove(here.folder_.file("out/b.png"));
  const auto second = run_prediction(here.request_);
  EXPECT_EQ(second.predicted, 1);
  EXPECT_EQ(second.there_before, 1);
  EXPECT_THAT(second.describe(), AllOf(HasSubstr("1 of 2 cases predicted"),
                                       HasSubstr("1 were there before")));
}

TEST(Prediction, JobsShareTheCases) {
  Predictions here;
  here.request_.jobs = 2;
  here.request_.job = 1;
  const auto summary = run_prediction(here.request_);
  EXPECT_EQ(summary.cases, 1);
  EXPECT_TRUE(std::filesystem::exists(here.folder_.file("out/b.png")));
  EXPECT_FALSE(std::filesystem::exists(here.folder_.file("out/a.png")));
  here.request_.job = 2;
  EXPECT_THAT(here.error(), HasSubstr("--job"));
}

TEST(Prediction, TellsWhatItFollowsFromAndRefusesOthers) {
  Predictions here;
  here.request_.step = 0.75;
  here.request_.mirror = TestTimeMirror::kMirror;
  run_prediction(here.request_);
  const auto facts = here.facts();
  EXPECT_EQ(facts["target"], "label_map");
  EXPECT_THAT(facts["classes"], SizeIs(3));
  ASSERT_THAT(facts["networks"], SizeIs(1));
  EXPECT_EQ(facts["networks"][0]["step"], 0.75);
  // What training mirrors unless it is told otherwise.
  EXPECT_EQ(facts["networks"][0]["mirror"],
            nlohmann::json::parse(R"(["depth", "height"])"));
  here.request_.step = 0.5;
  EXPECT_THAT(here.error(), HasSubstr("with another step"));
  here.request_.step = 1.5;
  EXPECT_THAT(here.error(), HasSubstr("inference.step"));
}

TEST(Prediction, WhatCannotBeIsToldBeforeAnythingIsPredicted) {
  Predictions here("class");
  here.request_.overlays = true;
  EXPECT_THAT(here.error(), HasSubstr("--overlays"));
  here.request_.overlays = false;
  here.request_.probabilities = true;
  EXPECT_THAT(here.error(), HasSubstr("--save-probabilities"));
  here.request_.probabilities = false;
  here.request_.references = here.folder_.file("in");
  EXPECT_THAT(here.error(), HasSubstr("--references"));
  here.request_.references.clear();
  here.request_.models.push_back(here.request_.models[0]);
  EXPECT_THAT(here.error(), HasSubstr("hold the same weights"));
  here.request_.models[1] = save_toy(here.folder_, "classes", 2);
  EXPECT_THAT(here.error(), HasSubstr("is of another task"));
  here.request_.models.clear();
  EXPECT_THAT(here.error(), HasSubstr("--model"));
  here.request_.models = {save_toy(here.folder_, "class", 1)};
  here.request_.precision = Precision::kFp16;
  EXPECT_THAT(here.error(), HasSubstr("fp16 needs a GPU"));
  EXPECT_FALSE(std::filesystem::exists(here.folder_.file("out")));
}

TEST(Prediction, AClassificationEndsInATable) {
  Predictions here("class");
  run_prediction(here.request_);
  EXPECT_THAT(testing::read_bytes(here.folder_.file("out/predictions.csv")),
              AllOf(HasSubstr("case,predicted,background,left,right\na,"),
                    HasSubstr("\nb,")));
}

TEST(Prediction, FilesOfOthersAreLeftAlone) {
  Predictions here;
  write_image(here.folder_, "out/a.png");
  EXPECT_THAT(here.error(), HasSubstr("not of this program"));
  testing::write_bytes(here.folder_.file("out/predict.json"), "{");
  EXPECT_THAT(here.error(), HasSubstr("is damaged"));
}

TEST(Prediction, ACaseThatCannotBeReadIsToldOf) {
  Predictions here;
  testing::write_bytes(here.folder_.file("in/c.png"), "no image");
  const auto summary = run_prediction(here.request_);
  EXPECT_EQ(summary.predicted, 2);
  ASSERT_THAT(summary.problems, SizeIs(1));
  EXPECT_THAT(summary.problems[0], HasSubstr("c: "));
  EXPECT_THAT(summary.describe(), HasSubstr("problems    1"));
}

}  // namespace
}  // namespace unimiss::predict
