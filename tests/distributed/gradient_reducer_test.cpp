#include "unimiss/distributed/gradient_reducer.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>
#include <torch/nn/modules/linear.h>

#include "testing/ranks.h"

namespace unimiss::distributed {
namespace {

using ::testing::Each;
using unimiss::testing::join_ranks;
using unimiss::testing::run_ranks;

constexpr int64_t kWidth = 24, kRows = 12;

/// Two ways in, as for images and volumes, and what they share.
struct TwoPhases : torch::nn::Module {
  torch::nn::Linear images{nullptr}, volumes{nullptr}, shared{nullptr};

  TwoPhases() {
    images = register_module("images", torch::nn::Linear(8, kWidth));
    volumes = register_module("volumes", torch::nn::Linear(8, kWidth));
    shared = register_module("shared", torch::nn::Linear(kWidth, kWidth));
  }
  torch::Tensor loss(const torch::Tensor& input, bool is_volume) {
    const torch::Tensor hidden = is_volume ? volumes(input) : images(input);
    return at::tanh(shared(at::tanh(hidden))).square().mean();
  }
  std::vector<std::pair<std::string, torch::Tensor>> taking_part(
      bool is_volume) const {
    std::vector<std::pair<std::string, torch::Tensor>> named;
    for (const auto& item : named_parameters()) {
      const bool idle =
          item.key().starts_with(is_volume ? "images" : "volumes");
      if (!idle) named.emplace_back(item.key(), item.value());
    }
    return named;
  }
  void forget_gradients() {
    for (auto& parameter : parameters()) parameter.mutable_grad().reset();
  }
};

/// The largest difference of the gradients of two networks; 1 where one has a
/// gradient and the other has none.
double difference(const TwoPhases& one, const TwoPhases& other) {
  double largest = 0;
  const auto ones = one.parameters(), others = other.parameters();
  for (size_t i = 0; i < ones.size(); ++i) {
    const torch::Tensor &a = ones[i].grad(), &b = others[i].grad();
    if (a.defined() != b.defined()) return 1;
    if (!a.defined()) continue;
    largest = std::max(largest, (a - b).abs().max().item<double>());
  }
  return largest;
}

TEST(GradientReducer, DISABLED_Phases) {
  const Communicator all = join_ranks();
  at::manual_seed(3);
  TwoPhases shared_out, whole;
  shared_out.to(torch::kDouble);
  whole.to(torch::kDouble);
  for (auto& item : whole.named_parameters()) {
    item.value().set_data(
        shared_out.named_parameters()[item.key()].detach().clone());
  }
  // Several buckets.
  const GradientReducerOptions options{.bucket_bytes = 2048};
  GradientReducer images(all, shared_out.taking_part(false), options);
  GradientReducer volumes(all, shared_out.taking_part(true), options);
  const int64_t rows = kRows / all.size();
  const auto mine = [&](const torch::Tensor& of) {
    return of.narrow(0, all.rank() * rows, rows);
  };
  for (const bool is_volume : {false, true, true, false, true}) {
    const torch::Tensor batch = at::randn({kRows, 8}, torch::kDouble);
    shared_out.forget_gradients();
    whole.forget_gradients();
    (is_volume ? volumes : images)
        .backward(shared_out.loss(mine(batch), is_volume));
    whole.loss(batch, is_volume).backward();
    EXPECT_LT(difference(shared_out, whole), 1e-15) << is_volume;
  }
  // A part of a batch first, without the others; then it counts in.
  const torch::Tensor first = at::randn({kRows, 8}, torch::kDouble);
  const torch::Tensor second = at::randn({kRows, 8}, torch::kDouble);
  shared_out.forget_gradients();
  whole.forget_gradients();
  shared_out.loss(mine(first), false).backward();
  images.backward(shared_out.loss(mine(second), false));
  whole.loss(first, false).backward();
  whole.loss(second, false).backward();
  EXPECT_LT(difference(shared_out, whole), 1e-15);
}

TEST(GradientReducer, HasTheGradientsOfOneProcess) {
  for (const int count : {2, 3, 4}) {
    EXPECT_THAT(run_ranks(count, "GradientReducer.DISABLED_Phases"), Each(0))
        << count;
  }
}

TEST(GradientReducer, DISABLED_Fp16) {
  const Communicator all = join_ranks();
  at::manual_seed(3);
  TwoPhases network;
  GradientReducer reducer(all, network.taking_part(false), {.fp16 = true});
  const torch::Tensor batch = at::randn({kRows, 8});
  const int64_t rows = kRows / all.size();
  reducer.backward(
      network.loss(batch.narrow(0, all.rank() * rows, rows), false));
  const torch::Tensor found = network.shared->weight.grad().clone();
  network.forget_gradients();
  network.loss(batch, false).backward();
  const torch::Tensor exact = network.shared->weight.grad();
  EXPECT_TRUE(at::allclose(found, exact, 2e-3, 1e-5));
  EXPECT_FALSE(at::allclose(found, exact, 1e-6, 1e-8));
}

TEST(GradientReducer, CanSendHalfTheBytes) {
  EXPECT_THAT(run_ranks(2, "GradientReducer.DISABLED_Fp16"), Each(0));
}

TEST(GradientReducer, OfOneProcessIsTheBackwardPass) {
  TwoPhases network;
  GradientReducer reducer({}, network.taking_part(true));
  reducer.backward(network.loss(at::randn({2, 8}), true));
  EXPECT_TRUE(network.volumes->weight.grad().defined());
  EXPECT_FALSE(network.images->weight.grad().defined());
}

}  // namespace
}  // namespace unimiss::distributed
