#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace unimiss::testing {

/// Whether it is of a network, or its center: not the optimizer's, the loss
/// scale or the values of earlier steps.
inline bool is_trained(const std::string& name) {
  return !name.starts_with("optimizer.") && !name.starts_with("spikes.") &&
         name != "loss_scale";
}

/// The norm of the difference of all tensors together that are trained,
/// relative to that of the first ones. Both hold the same names.
inline double relative_difference(
    const std::map<std::string, torch::Tensor>& one,
    const std::map<std::string, torch::Tensor>& other) {
  EXPECT_EQ(one.size(), other.size());
  std::vector<torch::Tensor> ours, theirs;
  for (const auto& [name, tensor] : one) {
    if (!is_trained(name)) continue;
    ours.push_back(tensor.cpu().to(torch::kDouble).flatten());
    theirs.push_back(other.at(name).cpu().to(torch::kDouble).flatten());
  }
  const torch::Tensor all = at::cat(ours);
  return ((at::cat(theirs) - all).norm() / all.norm()).item<double>();
}

}  // namespace unimiss::testing
