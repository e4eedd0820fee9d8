#include "unimiss/ssl/dino_loss.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <cmath>

namespace unimiss::ssl {
namespace {

TEST(DinoLoss, EqualsTheFormulaTermByTerm) {
  const torch::Tensor s = at::randn({4, 3}, torch::kDouble);
  const torch::Tensor t = at::randn({4, 3}, torch::kDouble);
  const torch::Tensor c = at::randn({1, 3}, torch::kDouble);
  const torch::Tensor q = student_log_probabilities(s, 0.1);
  const torch::Tensor p = teacher_probabilities(t, c, 0.04);

  double sum = 0;  // both cross-view terms, averaged over B = 2
  for (int row = 0; row < 4; ++row) {
    const int other = (row + 2) % 4;
    double normalizer = 0, teacher_normalizer = 0;
    for (int k = 0; k < 3; ++k) {
      normalizer += std::exp(s[row][k].item<double>() / 0.1);
      teacher_normalizer += std::exp(
          (t[other][k].item<double>() - c[0][k].item<double>()) / 0.04);
    }
    for (int k = 0; k < 3; ++k) {
      const double target =
          std::exp((t[other][k].item<double>() - c[0][k].item<double>()) /
                   0.04) /
          teacher_normalizer;
      sum -=
          target * (s[row][k].item<double>() / 0.1 - std::log(normalizer)) / 2;
    }
  }
  EXPECT_NEAR(dino_loss(q, p, CrossViewScale::kSum).item<double>(), sum, 1e-9);
  EXPECT_NEAR(dino_loss(q, p, CrossViewScale::kMean).item<double>(), sum / 2,
              1e-9);
}

TEST(DinoLoss, EntropyIsZeroForCertaintyAndLogKForIndifference) {
  EXPECT_NEAR(mean_entropy(at::eye(4)).item<double>(), 0, 1e-6);
  EXPECT_NEAR(mean_entropy(at::full({3, 8}, 0.125)).item<double>(),
              std::log(8.0), 1e-6);
}

TEST(DinoLoss, AnOddNumberOfRowsIsRefused) {
  const torch::Tensor rows = at::rand({3, 4});
  EXPECT_THROW(dino_loss(rows, rows, CrossViewScale::kSum), c10::Error);
}

}  // namespace
}  // namespace unimiss::ssl
