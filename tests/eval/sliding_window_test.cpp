#include "unimiss/eval/sliding_window.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include <cmath>

#include "testing/error_text.h"
#include "unimiss/core/problems.h"

namespace unimiss::eval {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Sizes = std::vector<int64_t>;

torch::Tensor itself(const torch::Tensor& windows) { return windows; }

bool close(const torch::Tensor& a, const torch::Tensor& b) {
  return a.sizes() == b.sizes() &&
         at::allclose(a.to(torch::kDouble), b.to(torch::kDouble), 1e-5, 1e-5);
}

/// All slices together, [K, (D,) H, W].
torch::Tensor sliding_window_scores(const torch::Tensor& image,
                                    at::IntArrayRef window,
                                    const torch::Tensor& padding,
                                    const SlidingWindowOptions& options,
                                    const WindowPredictor& predict) {
  SlidingWindow windows(image, window, padding, options, predict);
  std::vector<torch::Tensor> slabs;
  for (torch::Tensor slab = windows.next(); slab.defined();
       slab = windows.next()) {
    slabs.push_back(slab);
  }
  const torch::Tensor scores =
      slabs.size() == 1 ? slabs.front() : at::cat(slabs, 1);
  return window.size() == 2 ? scores.squeeze(1) : scores;
}

TEST(SlidingWindow, PositionsAreThoseOfNnUNet) {
  EXPECT_THAT(window_positions(110, 64, 0.5), ElementsAre(0, 23, 46));
  EXPECT_THAT(window_positions(110, 32, 0.5),
              ElementsAre(0, 16, 31, 47, 62, 78));
  EXPECT_THAT(window_positions(64, 64, 0.5), ElementsAre(0));
  // Evenly spread halves, 2.5 and 7.5, go to the even voxel.
  EXPECT_THAT(window_positions(20, 10, 0.25), ElementsAre(0, 2, 5, 8, 10));
}

TEST(SlidingWindow, PositionsAreFlushAndEvenlySpread) {
  for (const double step : {1e-9, 0.1, 0.3, 0.5, 0.99, 1.0}) {
    for (int64_t window = 1; window < 12; ++window) {
      for (int64_t extent = window; extent < 40; ++extent) {
        const auto at = window_positions(extent, window, step);
        ASSERT_EQ(at.front(), 0);
        ASSERT_EQ(at.back(), extent - window);
        if (at.size() == 1) continue;
        const double mean = static_cast<double>(extent - window) /
                            static_cast<double>(at.size() - 1);
        ASSERT_LE(mean, std::max(1.0, step * static_cast<double>(window)));
        for (size_t i = 1; i < at.size(); ++i) {
          const auto gap = static_cast<double>(at[i] - at[i - 1]);
          ASSERT_GE(gap, std::floor(mean));
          ASSERT_LE(gap, std::ceil(mean));
        }
      }
    }
  }
  EXPECT_THROW(window_positions(3, 4, 0.5), c10::Error);
}

TEST(SlidingWindow, GivesBackWhatThePredictorDoesNotChange) {
  at::manual_seed(1);
  const std::vector<std::pair<Sizes, Sizes>> images{
      {{7, 9}, {4, 4}},       {{4, 4}, {4, 4}},        {{3, 11}, {8, 5}},
      {{1, 1}, {6, 3}},       {{5, 13, 8}, {4, 6, 8}}, {{2, 9, 3}, {5, 4, 4}},
      {{1, 10, 1}, {1, 3, 2}}};
  for (const auto& sizes : images) {
    const Sizes &size = sizes.first, &window = sizes.second;
    for (const double step : {0.01, 0.3, 0.5, 1.0}) {
      for (const int64_t batch : {1, 3}) {
        Sizes shape{2};
        shape.insert(shape.end(), size.begin(), size.end());
        const torch::Tensor image = at::randn(shape);
        const torch::Tensor before = image.clone();
        const auto predict = [&](const torch::Tensor& windows) {
          EXPECT_LE(windows.size(0), batch);
          EXPECT_EQ(windows.size(1), 2);
          EXPECT_EQ(windows.sizes().slice(2), at::IntArrayRef(window));
          EXPECT_TRUE(windows.is_contiguous());
          return at::cat({windows, at::full_like(windows, 7)}, 1);
        };
        const torch::Tensor scores =
            sliding_window_scores(image, window, at::zeros({2}),
                                  {.step = step, .batch = batch}, predict);
        EXPECT_TRUE(close(scores.slice(0, 0, 2), image)) << image.sizes();
        EXPECT_TRUE(close(scores.slice(0, 2), at::full_like(image, 7)));
        EXPECT_TRUE(scores.is_contiguous());
        EXPECT_EQ(scores.scalar_type(), torch::kFloat);
        EXPECT_TRUE(at::equal(image, before));
      }
    }
  }
}

TEST(SlidingWindow, WeighsWindowsByAGaussian) {
  at::manual_seed(2);
  const torch::Tensor image = at::randn({1, 7, 9});
  const torch::Tensor pattern = at::randn({2, 4, 5});
  const auto predict = [&](const torch::Tensor& windows) {
    return windows * pattern;
  };
  const torch::Tensor scores = sliding_window_scores(
      image, {4, 5}, at::zeros({1}), {.step = 0.5, .batch = 4}, predict);
  const auto weight = [](int64_t at, int64_t window) {
    const double sigma = static_cast<double>(window) / 8;
    const int64_t center = window / 2;
    const auto offset = static_cast<double>(at - center);
    return std::exp(-offset * offset / (2 * sigma * sigma));
  };
  torch::Tensor expected = at::zeros({2, 7, 9}, torch::kDouble);
  torch::Tensor total = at::zeros({7, 9}, torch::kDouble);
  for (const int64_t top : {0, 2, 3}) {     // 3 apart at most 2: 1.5, rounded
    for (const int64_t left : {0, 2, 4}) {  // 4 apart at most 2.5: 2
      for (int64_t y = 0; y < 4; ++y) {
        for (int64_t x = 0; x < 5; ++x) {
          const double w = weight(y, 4) * weight(x, 5);
          total[top + y][left + x] += w;
          for (int64_t k = 0; k < 2; ++k) {
            expected[k][top + y][left + x] +=
                w * image[0][top + y][left + x].item<double>() *
                pattern[k][y][x].item<double>();
          }
        }
      }
    }
  }
  EXPECT_TRUE(close(scores, expected / total));
}

TEST(SlidingWindow, PadsSmallImagesOnBothSides) {
  const torch::Tensor image = at::ones({2, 1, 3}) * 5;
  torch::Tensor seen;
  sliding_window_scores(image, {4, 3}, at::tensor({-1.0F, -2.0F}), {},
                        [&](const torch::Tensor& windows) {
                          seen = windows.clone();
                          return windows;
                        });
  for (int64_t c = 0; c < 2; ++c) {
    const torch::Tensor rows = at::tensor({-1.0F - static_cast<float>(c), 5.0F,
                                           -1.0F - static_cast<float>(c),
                                           -1.0F - static_cast<float>(c)});
    EXPECT_TRUE(at::equal(seen[0][c], rows.unsqueeze(1).expand({4, 3})));
  }
}

TEST(SlidingWindow, AveragesMirroredScores) {
  at::manual_seed(3);
  const torch::Tensor pattern = at::randn({3, 2, 3, 4});
  int calls = 0;
  const auto predict = [&](const torch::Tensor& windows) {
    ++calls;
    return windows.sum(1, true) * pattern;
  };
  const torch::Tensor image = at::randn({1, 2, 3, 4});
  const auto scores = [&](const std::vector<Axis>& mirror) {
    calls = 0;
    return sliding_window_scores(image, {2, 3, 4}, at::zeros({1}),
                                 {.mirror = mirror}, predict);
  };
  // The pattern of a mirrored window is mirrored back.
  EXPECT_TRUE(close(scores({}), image * pattern));
  EXPECT_EQ(calls, 1);
  for (const auto& [axis, dimension] :
       {std::pair{Axis::kDepth, 1}, std::pair{Axis::kHeight, 2},
        std::pair{Axis::kWidth, 3}}) {
    EXPECT_TRUE(close(scores({axis}),
                      image * (pattern + at::flip(pattern, dimension)) / 2));
    EXPECT_EQ(calls, 2);
  }
  torch::Tensor mean = at::zeros_like(pattern);
  for (const Sizes& flipped : std::vector<Sizes>{
           {}, {1}, {2}, {3}, {1, 2}, {1, 3}, {2, 3}, {1, 2, 3}}) {
    mean += at::flip(pattern, flipped) / 8;
  }
  EXPECT_TRUE(
      close(scores({Axis::kWidth, Axis::kDepth, Axis::kHeight}), image * mean));
  EXPECT_EQ(calls, 8);
}

TEST(SlidingWindow, ImagesAreMirroredInPlaneOnly) {
  const torch::Tensor pattern = at::arange(6, torch::kFloat).view({1, 2, 3});
  int calls = 0;
  const torch::Tensor scores =
      sliding_window_scores(at::ones({1, 2, 3}), {2, 3}, at::zeros({1}),
                            {.mirror = {Axis::kDepth, Axis::kHeight}},
                            [&](const torch::Tensor& windows) {
                              ++calls;
                              return windows * pattern;
                            });
  EXPECT_EQ(calls, 2);
  EXPECT_TRUE(close(scores, (pattern + at::flip(pattern, 1)) / 2));
}

TEST(SlidingWindow, LeavesThePredictorsTensorsAlone) {
  at::manual_seed(4);
  const torch::Tensor image = at::randn({2, 6, 7});
  // The scores are the windows themselves, and a tensor used again.
  const SlidingWindowOptions options{.mirror = {Axis::kHeight, Axis::kWidth}};
  EXPECT_TRUE(close(
      sliding_window_scores(image, {4, 4}, at::zeros({2}), options, itself),
      image));
  torch::Tensor ones = at::ones({1, 1, 4, 4});
  const torch::Tensor scores =
      sliding_window_scores(image, {4, 4}, at::zeros({2}), options,
                            [&](const torch::Tensor&) { return ones; });
  EXPECT_TRUE(close(scores, at::ones({1, 6, 7})));
  EXPECT_TRUE(at::equal(ones, at::ones_like(ones)));
}

TEST(SlidingWindow, TakesHalfPrecisionAndNeedsNoGradient) {
  const torch::Tensor weight = at::full({1}, 3.0F).requires_grad_();
  const torch::Tensor scores = sliding_window_scores(
      at::ones({1, 6, 6}), {4, 4}, at::zeros({1}), {.mirror = {Axis::kWidth}},
      [&](const torch::Tensor& windows) {
        return (windows * weight).to(torch::kBFloat16);
      });
  EXPECT_FALSE(scores.requires_grad());
  EXPECT_TRUE(close(scores, at::full({1, 6, 6}, 3)));
}

TEST(SlidingWindow, PassesOnWhatThePredictorThrows) {
  int calls = 0;
  const auto stop = [&](const torch::Tensor& windows) {
    if (++calls == 3) throw Preempted("stopped");
    return windows;
  };
  EXPECT_THROW(sliding_window_scores(at::ones({1, 9, 9}), {4, 4},
                                     at::zeros({1}), {}, stop),
               Preempted);
  EXPECT_EQ(calls, 3);
}

TEST(SlidingWindow, RefusesWhatCannotBe) {
  const auto refuse = [](const SlidingWindowOptions& options,
                         const char* text) {
    EXPECT_THAT(unimiss::testing::error_text<ConfigError>([&] {
                  sliding_window_scores(at::ones({1, 4, 4}), {4, 4},
                                        at::zeros({1}), options, itself);
                }),
                HasSubstr(text));
  };
  refuse({.step = 0}, "step: must be in (0, 1] (is 0)");
  refuse({.step = 1.5}, "step: must be in (0, 1] (is 1.5)");
  refuse({.step = std::nan("")}, "step: must be in (0, 1]");
  refuse({.batch = 0}, "batch: must be at least 1 (is 0)");
  refuse({.mirror = {Axis::kWidth, Axis::kWidth}},
         "mirror[1]: is the same as item [0]");

  const auto run = [](const torch::Tensor& image, const Sizes& window,
                      const WindowPredictor& predict) {
    return sliding_window_scores(image, window, at::zeros({1}), {}, predict);
  };
  EXPECT_THROW(run(at::ones({1, 4, 4}), {4}, itself), c10::Error);
  EXPECT_THROW(run(at::ones({1, 4, 4}), {4, 4, 4}, itself), c10::Error);
  EXPECT_THROW(run(at::ones({1, 0, 4}), {4, 4}, itself), c10::Error);
  EXPECT_THROW(run(at::ones({1, 4, 4}), {4, 0}, itself), c10::Error);
  EXPECT_THROW(run(at::ones({2, 4, 4}), {4, 4}, itself), c10::Error);
  EXPECT_THROW(
      run(at::ones({1, 4, 4}), {4, 4},
          [](const torch::Tensor& windows) { return windows.slice(2, 1); }),
      c10::Error);
}

}  // namespace
}  // namespace unimiss::eval
