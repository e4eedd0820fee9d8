#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace unimiss::testing {

/// The norm of the difference of all tensors together, relative to that of the
/// first ones; the optimizer's do not count. Both hold the same names.
inline double relative_difference(
    const std::map<std::string, torch::Tensor>& one,
    const std::map<std::string, torch::Tensor>& other) {
  EXPECT_EQ(one.size(), other.size());
  std::vector<torch::Tensor> ours, theirs;
  for (const auto& [name, tensor] : one) {
    if (name.starts_with("optimizer.")) continue;
    ours.push_back(tensor.cpu().to(torch::kDouble).flatten());
    theirs.push_back(other.at(name).cpu().to(torch::kDouble).flatten());
  }
  const torch::Tensor all = at::cat(ours);
  return ((at::cat(theirs) - all).norm() / all.norm()).item<double>();
}

}  // namespace unimiss::testing
