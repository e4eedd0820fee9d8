#include "report/segmentation_scores.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include <cmath>
#include <functional>

#include "testing/error_text.h"
#include "testing/temporary_directory.h"
#include "unimiss/io/image.h"
#include "unimiss/io/volume.h"
#include "unimiss/io/volume_writer.h"

namespace unimiss::report {
namespace {

using augment::TargetKind;

/// How many numbers of a class are of its overlap.
constexpr std::ptrdiff_t kOverlap = 8;

class SegmentationScores : public ::testing::Test {
 protected:
  /// A volume of 4x8x10 voxels of 3x2x1 mm, where the box of 2x3x4 voxels that
  /// begins at this row is 1.
  std::string volume(const std::string& name, int64_t row,
                     const std::function<void(io::Volume&)>& change = {}) {
    torch::Tensor map = at::zeros({4, 8, 10});
    map.slice(0, 1, 3).slice(1, row, row + 3).slice(2, 3, 7).fill_(1);
    io::Volume written{map, {3, 2, 1}, {5, -7, 100}};
    if (change) change(written);
    io::write_volume(folder_.file(name), written);
    return folder_.file(name);
  }

  /// All numbers but those of the overlap.
  NamedValues further(const std::string& prediction) {
    NamedValues values =
        score_case({"a", {prediction}, {volume("r.nii.gz", 2)}}, 3, task_,
                   request_)
            .result.classes.at(0);
    values.erase(values.begin(), values.begin() + kOverlap);
    return values;
  }

  testing::TemporaryDirectory folder_;
  PredictedTask task_{TargetKind::kLabelMap, {"none", "box"}, {}};
  EvaluationRequest request_;
};

MATCHER_P2(Is, name, value, "") {
  return arg.first == name && arg.second &&
         std::abs(*arg.second - value) < 1e-6;
}

TEST_F(SegmentationScores, AreInMillimetres) {
  // One row of 2 mm further: of 24 voxels on each side, all on the surface, 8
  // are 2 mm away.
  EXPECT_THAT(
      further(volume("p.nii.gz", 3)),
      ::testing::ElementsAre(Is("HD", 2), Is("HD95", 2), Is("ASSD", 2.0 / 3),
                             Is("NSD", 2.0 / 3), Is("VolumeDifference", 0),
                             Is("RelativeVolumeError", 0)));
  request_.tolerance = 2;
  EXPECT_THAT(further(volume("p.nii.gz", 3))[3], Is("NSD", 1));
}

TEST_F(SegmentationScores, OfWhatIsMissingAreTheDiagonalOrNothing) {
  const std::string empty =
      volume("p.nii.gz", 0, [](io::Volume& volume) { volume.voxels.zero_(); });
  const double diagonal = std::sqrt(144 + 256 + 100);
  EXPECT_THAT(further(empty),
              ::testing::ElementsAre(Is("HD", diagonal), Is("HD95", diagonal),
                                     Is("ASSD", diagonal), Is("NSD", 0),
                                     Is("VolumeDifference", -24 * 6),
                                     Is("RelativeVolumeError", 1)));
  request_.missing = MissingRule::kExclude;
  const auto excluded = further(empty);
  EXPECT_FALSE(excluded[0].second);
  EXPECT_THAT(excluded[3], Is("NSD", 0));
  const ScoredCase both =
      score_case({"a", {empty}, {empty}}, 3, task_, request_);
  EXPECT_FALSE(both.missing.at(0));
  for (const char* name : {"Dice", "IoU", "HD", "NSD", "VolumeDifference"}) {
    EXPECT_FALSE(value_of(both.result.classes.at(0), name)) << name;
  }
}

TEST_F(SegmentationScores, NeedOneGeometry) {
  const auto refuses = [&](const std::function<void(io::Volume&)>& change,
                           const char* text) {
    const std::string error = unimiss::testing::error_text<DataError>(
        [&] { further(volume("p.nii.gz", 2, change)); });
    EXPECT_THAT(error, ::testing::HasSubstr(text));
    EXPECT_THAT(error, ::testing::HasSubstr("its reference"));
  };
  refuses([](auto& of) { of.voxels = of.voxels.slice(2, 1); }, "size 4x8x9");
  refuses([](auto& of) { of.spacing[0] = 3.01; }, "spacing");
  refuses([](auto& of) { of.origin[2] += 1; }, "origin");
  refuses(
      [](auto& of) {
        of.axes = {{{0, 0, 1}, {0.1, 0.99498744, 0}, {0.99498744, -0.1, 0}}};
      },
      "direction");
  // Rounding as files do it is no difference.
  EXPECT_THAT(further(volume("p.nii.gz", 2,
                             [](auto& of) { of.spacing[0] *= 1.0001; }))[0],
              Is("HD", 0));
}

TEST_F(SegmentationScores, OfImagesAreInGivenPixels) {
  torch::Tensor map = at::zeros({20, 30}, torch::kByte);
  map.slice(0, 5, 10).slice(1, 5, 10).fill_(255);
  io::write_png(folder_.file("r.png"), map);
  io::write_png(folder_.file("p.png"), map.roll(1, 1));
  request_.pixel_spacing = {1, 0.25};
  task_.label_values = {0, 255};
  const ScoredCase scored =
      score_case({"a", {folder_.file("p.png")}, {folder_.file("r.png")}}, 2,
                 task_, request_);
  EXPECT_EQ(value_of(scored.result.classes.at(0), "TP"), 20);
  EXPECT_EQ(value_of(scored.result.classes.at(0), "HD"), 0.25);
}

TEST_F(SegmentationScores, OfStructuresMayOverlap) {
  task_ = {TargetKind::kStructures, {"one", "two"}, {}};
  const ScoredCase scored =
      score_case({"a",
                  {volume("p1.nii.gz", 3), volume("p2.nii.gz", 4)},
                  {volume("r1.nii.gz", 2), volume("r2.nii.gz", 4)}},
                 3, task_, request_);
  EXPECT_EQ(value_of(scored.result.classes.at(0), "TP"), 16);
  EXPECT_EQ(value_of(scored.result.classes.at(1), "TP"), 24);
  EXPECT_EQ(value_of(scored.result.classes.at(0), "HD"), 2);
  EXPECT_EQ(value_of(scored.result.classes.at(1), "HD"), 0);
}

}  // namespace
}  // namespace unimiss::report
