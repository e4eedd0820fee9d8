#include "unimiss/train/optimizer.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

#include <utility>

namespace unimiss::train {
namespace {

using Parameters = torch::OrderedDict<std::string, torch::Tensor>;

Parameters make_parameters() {
  at::manual_seed(5);
  Parameters parameters;
  parameters.insert("a.weight",
                    at::randn({4, 3}, torch::kDouble).requires_grad_(true));
  parameters.insert("a.bias",
                    at::randn({4}, torch::kDouble).requires_grad_(true));
  parameters.insert("gain", at::ones({4, 1}, torch::kDouble));  // frozen
  return parameters;
}

void set_gradient(torch::Tensor parameter, double value) {
  parameter.mutable_grad() = at::full_like(parameter, value).detach();
}

TEST(Optimizer, EqualsLibTorchsAdamWInTwoGroups) {
  Parameters ours = make_parameters(), theirs = make_parameters();
  Optimizer optimizer(ours, {});
  auto group = [&](const char* name, double decay) {
    torch::optim::OptimizerParamGroup result(
        std::vector<torch::Tensor>{theirs[name]});
    result.set_options(std::make_unique<torch::optim::AdamWOptions>(
        torch::optim::AdamWOptions(1e-2).weight_decay(decay)));
    return result;
  };
  torch::optim::AdamW reference({group("a.weight", 0.1), group("a.bias", 0.0)},
                                torch::optim::AdamWOptions(1e-2));
  for (int i = 0; i < 3; ++i) {
    for (const char* name : {"a.weight", "a.bias"}) {
      const torch::Tensor gradient = at::randn_like(ours[name]);
      ours[name].mutable_grad() = gradient.clone();
      theirs[name].mutable_grad() = gradient.clone();
    }
    optimizer.step(1e-2, 0.1);
    reference.step();
  }
  EXPECT_TRUE(at::allclose(ours["a.weight"], theirs["a.weight"], 1e-10));
  EXPECT_TRUE(at::allclose(ours["a.bias"], theirs["a.bias"], 1e-10));
}

TEST(Optimizer, EqualsLibTorchsNesterovSgdWithScaledRates) {
  Parameters ours = make_parameters(), theirs = make_parameters();
  OptimizerOptions options;
  options.kind = OptimizerKind::kSgd;
  options.sgd_momentum = 0.9;
  Optimizer optimizer(ours, options, {{"a.bias", 0.25}});
  auto group = [&](const char* name, double lr, double decay) {
    torch::optim::OptimizerParamGroup result(
        std::vector<torch::Tensor>{theirs[name]});
    result.set_options(std::make_unique<torch::optim::SGDOptions>(
        torch::optim::SGDOptions(lr).momentum(0.9).nesterov(true).weight_decay(
            decay)));
    return result;
  };
  torch::optim::SGD reference(
      {group("a.weight", 1e-2, 0.1), group("a.bias", 0.25e-2, 0.0)},
      torch::optim::SGDOptions(1e-2));
  for (int i = 0; i < 4; ++i) {
    for (const char* name : {"a.weight", "a.bias"}) {
      const torch::Tensor gradient = at::randn_like(ours[name]);
      ours[name].mutable_grad() = gradient.clone();
      theirs[name].mutable_grad() = gradient.clone();
    }
    if (i == 2) {
      // Its state goes on where it was.
      Optimizer other(ours, options, {{"a.bias", 0.25}});
      other.load_state(optimizer.state());
      optimizer = std::move(other);
    }
    optimizer.step(1e-2, 0.1);
    reference.step();
  }
  EXPECT_TRUE(at::allclose(ours["a.weight"], theirs["a.weight"], 1e-10));
  EXPECT_TRUE(at::allclose(ours["a.bias"], theirs["a.bias"], 1e-10));
}

TEST(Optimizer, IdleParametersFollowTheirRule) {
  for (const InactiveRule rule :
       {InactiveRule::kUntouched, InactiveRule::kZeroGradient}) {
    Parameters parameters = make_parameters();
    OptimizerOptions options;
    options.inactive_rule = rule;
    Optimizer optimizer(parameters, options);
    const torch::Tensor before = parameters["a.weight"].detach().clone();
    set_gradient(parameters["a.bias"], 1.0);
    optimizer.step(1e-2, 0.1);
    // Never had a gradient: stays under both rules.
    EXPECT_TRUE(at::equal(parameters["a.weight"], before));

    set_gradient(parameters["a.weight"], 1.0);
    optimizer.step(1e-2, 0.1);
    const torch::Tensor active = parameters["a.weight"].detach().clone();
    optimizer.zero_grad();
    set_gradient(parameters["a.bias"], 1.0);
    optimizer.step(1e-2, 0.1);
    EXPECT_EQ(at::equal(parameters["a.weight"], active),
              rule == InactiveRule::kUntouched);
  }
}

TEST(Optimizer, HeldParametersStayStill) {
  Parameters parameters = make_parameters();
  Optimizer optimizer(parameters, {});
  const torch::Tensor before = parameters["a.weight"].detach().clone();
  set_gradient(parameters["a.weight"], 1.0);
  set_gradient(parameters["a.bias"], 1.0);
  optimizer.step(1e-2, 0.1, {"a.weight"});
  EXPECT_TRUE(at::equal(parameters["a.weight"], before));
  EXPECT_FALSE(optimizer.state().contains("a.weight.step"));
}

TEST(Optimizer, AStateContinuesExactly) {
  Parameters one = make_parameters(), other = make_parameters();
  Optimizer first(one, {}), second(other, {});
  set_gradient(one["a.weight"], 0.5);
  first.step(1e-2, 0.1);
  {
    torch::NoGradGuard no_grad;
    other["a.weight"].copy_(one["a.weight"]);
  }
  second.load_state(first.state());
  for (Optimizer* optimizer : {&first, &second}) {
    Parameters& parameters = optimizer == &first ? one : other;
    set_gradient(parameters["a.weight"], 0.25);
    optimizer->step(1e-2, 0.1);
  }
  EXPECT_TRUE(at::equal(one["a.weight"], other["a.weight"]));
  int64_t bytes = 0;
  set_gradient(one["a.bias"], 0.5);
  first.step(1e-2, 0.1);
  for (const auto& [name, tensor] : first.state()) {
    bytes += static_cast<int64_t>(tensor.nbytes());
  }
  EXPECT_EQ(first.state_bytes(), bytes);
  auto unknown = first.state();
  unknown["b.step"] = at::zeros({});
  EXPECT_THROW(second.load_state(unknown), c10::Error);
}

}  // namespace
}  // namespace unimiss::train
