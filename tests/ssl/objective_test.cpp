#include "unimiss/ssl/objective.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "testing/toy_network.h"
#include "unimiss/ssl/volume_slice.h"

namespace unimiss::ssl {
namespace {

StudentTeacher toy_networks() {
  at::manual_seed(3);
  StudentTeacher networks(testing::toy_mit(), testing::toy_head());
  networks.to(torch::kDouble);
  {
    // A student that has moved away from its teacher, with weights large
    // enough for every part to matter.
    torch::NoGradGuard no_grad;
    for (torch::Tensor& parameter : networks.student->parameters()) {
      if (parameter.requires_grad()) {
        parameter.add_(0.1 * at::randn_like(parameter));
      }
    }
  }
  return networks;
}

torch::Tensor toy_views(int rank) {
  at::manual_seed(4);
  return rank == 2 ? at::rand({4, 3, 64, 64}, torch::kDouble)
                   : at::rand({4, 1, 16, 64, 64}, torch::kDouble);
}

torch::Tensor toy_center() { return at::zeros({1, 32}, torch::kDouble); }

/// Central differences along a random direction through all parameters.
void check_derivative(int rank, const ObjectiveOptions& options) {
  StudentTeacher networks = toy_networks();
  const torch::Tensor views = toy_views(rank);
  auto loss = [&] {
    return step_loss(networks, views, toy_center(), 0.04, options).total;
  };
  loss().backward();
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> parameters, directions;
  double analytic = 0;
  for (const torch::Tensor& parameter : networks.student->parameters()) {
    if (!parameter.grad().defined()) continue;
    parameters.push_back(parameter);
    directions.push_back(at::randn_like(parameter));
    analytic += (directions.back() * parameter.grad()).sum().item<double>();
  }
  constexpr double kStep = 1e-6;
  auto shifted = [&](double amount) {
    at::_foreach_add_(parameters, directions, amount);
    const double value = loss().item<double>();
    at::_foreach_add_(parameters, directions, -amount);
    return value;
  };
  const double numeric = (shifted(kStep) - shifted(-kStep)) / (2 * kStep);
  EXPECT_NEAR(numeric, analytic, 1e-4 * std::abs(analytic) + 1e-6);
  EXPECT_GT(std::abs(analytic), 1e-3);
}

TEST(Objective, FiniteDifferencesAgreeForImages) { check_derivative(2, {}); }

TEST(Objective, FiniteDifferencesAgreeForVolumesAndSlices) {
  check_derivative(3, {});
}

TEST(Objective, ThePapersLossIsTwiceTheOfficialOne) {
  for (int rank : {2, 3}) {
    StudentTeacher networks = toy_networks();
    ObjectiveOptions paper, half;
    half.cross_view_scale = CrossViewScale::kMean;
    const auto a =
        step_loss(networks, toy_views(rank), toy_center(), 0.04, paper);
    const auto b =
        step_loss(networks, toy_views(rank), toy_center(), 0.04, half);
    EXPECT_NEAR(a.total.item<double>(), 2 * b.total.item<double>(), 1e-9);
  }
}

TEST(Objective, WithoutVolumeSliceOneTermIsLeft) {
  StudentTeacher networks = toy_networks();
  ObjectiveOptions options;
  options.volume_slice = VolumeSlice::kOff;
  const auto loss =
      step_loss(networks, toy_views(3), toy_center(), 0.04, options);
  ASSERT_EQ(loss.terms.size(), 1u);
  EXPECT_EQ(loss.terms[0].first, "volume");
  loss.total.backward();
  for (const auto& item : networks.student->named_parameters()) {
    if (item.key().ends_with("_2d")) {
      EXPECT_FALSE(item.value().grad().defined()) << item.key();
    }
  }
}

TEST(Objective, ItChangesNothingAndGivesTheTeacherNoGradient) {
  StudentTeacher networks = toy_networks();
  const torch::Tensor center = toy_center();
  const auto loss = step_loss(networks, toy_views(3), center, 0.04, {});
  loss.total.backward();
  EXPECT_EQ(center.abs().max().item<double>(), 0);
  EXPECT_GT(loss.next_center.abs().max().item<double>(), 0);
  for (const torch::Tensor& parameter : networks.teacher->parameters()) {
    EXPECT_FALSE(parameter.grad().defined());
  }
  ASSERT_EQ(loss.diagnostics.size(), 1u);
  const auto& [name, entropy] = loss.diagnostics[0];
  EXPECT_EQ(name, kTeacherEntropy);
  EXPECT_GT(entropy.item<double>(), 0);
  EXPECT_LT(entropy.item<double>(), std::log(32.0));
}

TEST(Objective, SlicesOfOneVolumeStayTogether) {
  const torch::Tensor volumes = at::rand({2, 1, 3, 4, 5});
  const torch::Tensor slices = slices_of(volumes);
  EXPECT_EQ(slices.sizes(), (std::vector<int64_t>{6, 1, 4, 5}));
  EXPECT_TRUE(at::equal(slices[4][0], volumes[1][0][1]));
  EXPECT_TRUE(at::allclose(slice_mean(slices.reshape({6, 20}), 3)[1],
                           volumes[1][0].mean(0).reshape({20})));
}

TEST(Objective, TheTeacherFollowsByAMovingAverage) {
  StudentTeacher networks = toy_networks();
  std::vector<torch::Tensor> want;
  for (size_t i = 0; i < networks.teacher->parameters().size(); ++i) {
    want.push_back(networks.teacher->parameters()[i] * 0.75 +
                   networks.student->parameters()[i].detach() * 0.25);
  }
  networks.update_teacher(0.75);
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_TRUE(at::allclose(networks.teacher->parameters()[i], want[i]));
  }
}

}  // namespace
}  // namespace unimiss::ssl
