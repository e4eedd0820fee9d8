#include "unimiss/ssl/volume_slice.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

namespace unimiss::ssl {
namespace {

TEST(VolumeSlice, SlicesOfAVolumeStandTogether) {
  const torch::Tensor volumes = at::arange(24).view({2, 1, 3, 2, 2});
  const torch::Tensor slices = slices_of(volumes);
  EXPECT_EQ(slices.sizes(), (std::vector<int64_t>{6, 1, 2, 2}));
  EXPECT_TRUE(slices[4][0].equal(volumes[1][0][1]));
  EXPECT_THROW(slices_of(at::zeros({2, 3, 4, 4})), c10::Error);
  EXPECT_THROW(slices_of(at::zeros({2, 3, 2, 4, 4})), c10::Error);
}

TEST(VolumeSlice, TheMeanIsThatOfEachVolume) {
  const torch::Tensor rows = at::tensor({1.0, 10.0, 3.0, 20.0, 5.0, 30.0,  //
                                         7.0, 40.0, 0.0, 0.0, 2.0, 2.0})
                                 .view({6, 2});
  EXPECT_TRUE(slice_mean(rows, 3).equal(
      at::tensor({3.0, 20.0, 3.0, 14.0}).view({2, 2})));
}

TEST(VolumeSlice, MeansAreOfTheTeachersOutputsBehindEachTerm) {
  const VolumeSliceLogits teacher{
      at::tensor({1.0, 3.0, 3.0, 5.0}).view({2, 2}),
      at::tensor({0.0, 8.0, 2.0, 0.0}).view({2, 2})};
  const auto means = volume_slice_means(teacher);
  ASSERT_EQ(means.size(), 4u);
  for (const int term : {0, 1}) {
    EXPECT_TRUE(means[term].equal(at::tensor({2.0, 4.0}).view({1, 2}))) << term;
  }
  for (const int term : {2, 3}) {
    EXPECT_TRUE(means[term].equal(at::tensor({1.0, 4.0}).view({1, 2}))) << term;
  }
}

/// Each term compares the outputs that its name tells, with a center of its
/// own.
TEST(VolumeSlice, TermsAreCrossViewLossesOfTheirPairs) {
  at::manual_seed(5);
  const auto logits = [] { return at::randn({4, 6}, torch::kDouble); };
  const VolumeSliceLogits student{logits(), logits()};
  const VolumeSliceLogits teacher{logits(), logits()};
  std::vector<torch::Tensor> centers;
  for (int i = 0; i < 4; ++i) {
    centers.push_back(at::randn({1, 6}, torch::kDouble));
  }
  const auto terms = volume_slice_loss(student, teacher, centers, 0.1, 0.05,
                                       CrossViewScale::kSum);
  const auto expected = [&](const torch::Tensor& of, const torch::Tensor& by,
                            int term) {
    return dino_loss(student_log_probabilities(of, 0.1),
                     teacher_probabilities(by, centers[term], 0.05),
                     CrossViewScale::kSum)
        .item<double>();
  };
  EXPECT_EQ(kVolumeSliceTerms[1], "slices_volume");
  EXPECT_NEAR(terms[0].item<double>(),
              expected(student.volume, teacher.volume, 0), 1e-12);
  EXPECT_NEAR(terms[1].item<double>(),
              expected(student.slices, teacher.volume, 1), 1e-12);
  EXPECT_NEAR(terms[2].item<double>(),
              expected(student.slices, teacher.slices, 2), 1e-12);
  EXPECT_NEAR(terms[3].item<double>(),
              expected(student.volume, teacher.slices, 3), 1e-12);
  centers.pop_back();
  EXPECT_THROW(volume_slice_loss(student, teacher, centers, 0.1, 0.05,
                                 CrossViewScale::kSum),
               c10::Error);
}

}  // namespace
}  // namespace unimiss::ssl
