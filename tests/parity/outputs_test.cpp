#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "parity/fixture.h"
#include "unimiss/ssl/volume_slice.h"

namespace unimiss::parity {
namespace {

struct Outputs : ::testing::TestWithParam<std::string> {};

/// Backbone features and head logits of both networks for images, volumes and
/// slices; rel. L2 at most 1e-6 in double and 5e-5 in float.
void check_outputs(const Fixture& fixture, torch::ScalarType type,
                   double tolerance) {
  torch::NoGradGuard no_grad;
  ssl::StudentTeacher networks = fixture.networks(type);
  const Tensors recorded = fixture.load("outputs");
  const torch::Tensor volumes = fixture.views("3d", type);
  const std::map<std::string, torch::Tensor> inputs{
      {"2d", fixture.views("2d", type)},
      {"vol", volumes},
      {"slices", ssl::slices_of(volumes)}};
  for (const std::string role : {"student", "teacher"}) {
    ssl::Network& network =
        role == "student" ? networks.student : networks.teacher;
    for (const auto& [kind, input] : inputs) {
      SCOPED_TRACE(fixture.folder() + " " + role + " " + kind);
      const torch::Tensor features = network->backbone->forward(input);
      torch::Tensor embedding = network->head->embed(features);
      if (kind == "slices") {
        embedding = ssl::slice_mean(embedding, volumes.size(2));
      }
      const std::string key = "f64." + role + "." + kind;
      EXPECT_LE(relative_error(features, recorded.at(key + ".backbone")),
                tolerance);
      EXPECT_LE(relative_error(network->head->logits(embedding),
                               recorded.at(key + ".head")),
                tolerance);
    }
  }
}

TEST_P(Outputs, AgreeInDouble) {
  check_outputs(Fixture(GetParam()), torch::kDouble, 1e-6);
}

TEST_P(Outputs, AgreeInFloat) {
  check_outputs(Fixture(GetParam()), torch::kFloat, 5e-5);
}

TEST_P(Outputs, RegeneratedTensorsEqualTheStoredOnes) {
  const Fixture fixture(GetParam());
  const auto seed = fixture.meta().at("seed").get<uint64_t>();
  for (const std::string role : {"student", "teacher", "input"}) {
    const std::string file = role == "input" ? "inputs" : "weights_" + role;
    if (!fixture.has(file + ".safetensors")) continue;
    for (const auto& [name, tensor] : fixture.load(file)) {
      EXPECT_TRUE(
          at::equal(tensor, regenerate(seed, role, name, tensor.sizes().vec())))
          << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Variants, Outputs,
                         ::testing::ValuesIn(Fixture::folders()));

}  // namespace
}  // namespace unimiss::parity
