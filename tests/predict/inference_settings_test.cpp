#include "predict/inference_settings.h"

#include <gmock/gmock.h>

#include "unimiss/core/error.h"

namespace unimiss::predict {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

/// The settings of a run with step 0.5, batch 3 and mirroring along height,
/// whose training mirrored width.
eval::SlidingWindowOptions settings(const PredictionRequest& request) {
  eval::SlidingWindowOptions trained;
  trained.batch = 3;
  trained.mirror = {Axis::kHeight};
  return inference_settings(request, trained, {Axis::kWidth}, 2);
}

void expect_refused(const PredictionRequest& request, const std::string& part,
                    const std::string& other = "") {
  EXPECT_THAT(
      [&] { settings(request); },
      ThrowsMessage<ConfigError>(AllOf(HasSubstr(part), HasSubstr(other))));
}

TEST(InferenceSettings, AreThoseOfTheRun) {
  const auto plain = settings({});
  EXPECT_EQ(plain.step, 0.5);
  EXPECT_EQ(plain.batch, 3);
  EXPECT_THAT(plain.mirror, ElementsAre(Axis::kHeight));
}

TEST(InferenceSettings, ShortFormsAndOverridesChangeThem) {
  PredictionRequest request;
  request.step = 0.25;
  request.batch = 2;
  request.mirror = TestTimeMirror::kMirror;
  const auto by_option = settings(request);
  EXPECT_EQ(by_option.step, 0.25);
  EXPECT_EQ(by_option.batch, 2);
  EXPECT_THAT(by_option.mirror, ElementsAre(Axis::kWidth));
  request.mirror = TestTimeMirror::kNone;
  EXPECT_THAT(settings(request).mirror, IsEmpty());

  PredictionRequest overridden;
  overridden.overrides = {"inference.step=0.25", "inference.batch=2",
                          "inference.mirror=[width]"};
  const auto by_key = settings(overridden);
  EXPECT_EQ(by_key.step, 0.25);
  EXPECT_EQ(by_key.batch, 2);
  EXPECT_THAT(by_key.mirror, ElementsAre(Axis::kWidth));
}

TEST(InferenceSettings, TheOrderOfAxesMeansNothing) {
  PredictionRequest request;
  request.mirror = TestTimeMirror::kMirror;
  request.overrides = {"inference.mirror=[height, width]"};
  EXPECT_THAT(
      inference_settings(request, {}, {Axis::kWidth, Axis::kHeight}, 3).mirror,
      ElementsAre(Axis::kHeight, Axis::kWidth));
}

TEST(InferenceSettings, ImagesHaveNoDepth) {
  PredictionRequest request;
  request.overrides = {"inference.mirror=[depth]"};
  expect_refused(request, "inference.mirror", "which images do not have");
  EXPECT_THAT(inference_settings(request, {}, {}, 3).mirror,
              ElementsAre(Axis::kDepth));
  request.overrides.clear();
  request.mirror = TestTimeMirror::kMirror;
  EXPECT_THAT(inference_settings(request, {}, {Axis::kDepth}, 2).mirror,
              ElementsAre(Axis::kDepth));
}

TEST(InferenceSettings, BothMustSayTheSame) {
  PredictionRequest request;
  request.overrides = {"inference.step=0.25", "inference.batch=2",
                       "inference.mirror=[width]"};
  request.step = 0.25;
  request.batch = 2;
  request.mirror = TestTimeMirror::kMirror;
  EXPECT_EQ(settings(request).step, 0.25);
  request.mirror = TestTimeMirror::kNone;
  expect_refused(request, "--tta: ", "inference.mirror");
  request.batch = 4;
  expect_refused(request, "--batch: ", "inference.batch");
  request.step = 0.5;
  expect_refused(request, "--step: ", "inference.step");
}

TEST(InferenceSettings, RefuseOtherKeysAndValues) {
  PredictionRequest request;
  request.overrides = {"inference.stop=0.25"};
  expect_refused(request, "command line: inference.stop: there is no such key",
                 "'step'");
  request.overrides = {"data.workers=1"};
  expect_refused(request, "command line: data: there is no such key");
  request.overrides = {"inference.step=2"};
  expect_refused(request, "inference.step: must be in (0, 1]");
  request.overrides.clear();
  request.step = 0;
  expect_refused(request, "inference.step: must be in (0, 1]");
}

}  // namespace
}  // namespace unimiss::predict
