#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <fstream>

#include "parity/checks.h"
#include "parity/fixture.h"

namespace unimiss::parity {
namespace {

/// Three iterations, 2D, 3D, 2D, by the official epoch functions.
struct Trajectory : ::testing::TestWithParam<std::string> {};

void check_trajectory(const Fixture& fixture, const std::string& rule,
                      torch::ScalarType type) {
  const bool in_double = type == torch::kDouble;
  std::ifstream file(fixture.folder() + "/traj.json");
  const auto recorded = nlohmann::json::parse(file).at("f64." + rule);
  ssl::StudentTeacher networks = fixture.networks(type);
  train::UpdateOptions options = optimizer_of(fixture.meta().at("hp"));
  options.inactive_rule = rule == "zero" ? train::InactiveRule::kZeroGradient
                                         : train::InactiveRule::kUntouched;
  train::Optimizer optimizer(networks.student->named_parameters(), options);
  torch::Tensor center = fixture.center(type);
  double lr_sum = 0;
  for (const auto& step : recorded) {
    const std::string kind = step.at("modal");
    const auto objective =
        objective_of(fixture.meta().at("hp"), kind + "_official");
    const ssl::StepLoss loss =
        ssl::step_loss(networks, fixture.views(kind, type), center,
                       objective.teacher_temperature, objective);
    loss.total.backward();
    train::clip_gradients(optimizer.gradients(), options);
    optimizer.step(step.at("lr"), step.at("wd"));
    optimizer.zero_grad();
    networks.update_teacher(step.at("ema"));
    center = loss.next_center;
    lr_sum += step.at("lr").get<double>();
    const std::map<std::string, const char*> keys{{"image", "loss2D"},
                                                  {"volume", "loss_volume"},
                                                  {"slices", "loss_slice"},
                                                  {"slices_volume", "loss_SV"},
                                                  {"volume_slices", "loss_VS"}};
    for (const auto& [term, value] : loss.terms) {
      EXPECT_NEAR(value.item<double>(), step.at(keys.at(term)).get<double>(),
                  in_double ? 1e-5 : 2e-3)
          << term;
    }
  }
  const Tensors weights = fixture.load("traj");
  const torch::Tensor& center_recorded = weights.at("f64." + rule + ".center");
  EXPECT_LE(
      relative_error(sample_like(center, center_recorded), center_recorded),
      in_double ? 1e-6 : 1e-3);
  const double tolerance = in_double ? 1e-6 : 2.1 * lr_sum;
  check_weights(weights, "f64." + rule + ".student.", networks.student,
                tolerance, 2.1 * lr_sum);
  check_weights(weights, "f64." + rule + ".teacher.", networks.teacher,
                tolerance, 2.1 * lr_sum);
}

TEST_P(Trajectory, BothIdleWeightRules) {
  const Fixture fixture(GetParam());
  if (!fixture.has("traj.json")) GTEST_SKIP() << "no trajectory recorded";
  for (const std::string rule : {"none", "zero"}) {
    for (const auto type : {torch::kDouble, torch::kFloat}) {
      SCOPED_TRACE(rule + (type == torch::kDouble ? " double" : " float"));
      check_trajectory(fixture, rule, type);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Variants, Trajectory,
                         ::testing::ValuesIn(Fixture::folders()));

}  // namespace
}  // namespace unimiss::parity
