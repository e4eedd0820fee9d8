#include "parity/checks.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "unimiss/model/official_names.h"

namespace unimiss::parity {

ssl::ObjectiveOptions objective_of(const nlohmann::json& hyper,
                                   const std::string& name) {
  ssl::ObjectiveOptions options;
  options.student_temperature = hyper.at("tau_s");
  options.teacher_temperature = hyper.at("tau_t");
  options.center_momentum = hyper.at("omega");
  options.cross_view_scale = ssl::CrossViewScale::kMean;
  options.center_rule =
      name == "3d_once" ? ssl::CenterRule::kPerStep : ssl::CenterRule::kPerTerm;
  return options;
}

train::UpdateOptions optimizer_of(const nlohmann::json& hyper) {
  train::UpdateOptions options;
  options.beta1 = hyper.at("betas")[0];
  options.beta2 = hyper.at("betas")[1];
  options.epsilon = hyper.at("eps");
  options.clip = hyper.at("clip");
  return options;
}

void check_weights(const Tensors& recorded, const std::string& prefix,
                   ssl::Network& network, double tolerance,
                   double noise_tolerance) {
  for (const auto& item : network->named_parameters()) {
    const std::string name = model::official_name(item.key());
    const torch::Tensor want =
        recorded.at(prefix + name).to(torch::kDouble).reshape({-1});
    torch::Tensor difference =
        (sample_like(item.value(), want).to(torch::kDouble) - want).abs();
    // Stored values are rounded to float.
    difference -= want.abs() * 0x1p-24;
    if (name.ends_with("attn.kv.bias")) {
      // A sample keeps the order of the elements.
      const int64_t half = (want.numel() + 1) / 2;
      EXPECT_LE(difference.slice(0, 0, half).max().item<double>(),
                noise_tolerance)
          << prefix << name;
      difference = difference.slice(0, half);
    }
    EXPECT_LE(difference.max().item<double>(), tolerance) << prefix << name;
  }
}

}  // namespace unimiss::parity
