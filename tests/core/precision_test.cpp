#include "unimiss/core/precision.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

namespace unimiss {
namespace {

TEST(Precision, AutocastLastsAsLongAsItsGuard) {
  const torch::Tensor a = at::rand({4, 4}), b = at::rand({4, 4});
  {
    const AutocastGuard guard(torch::kCPU, Precision::kBf16);
    EXPECT_EQ(at::mm(a, b).scalar_type(), torch::kBFloat16);
  }
  EXPECT_EQ(at::mm(a, b).scalar_type(), torch::kFloat);
  const AutocastGuard none(torch::kCPU, Precision::kFp32);
  EXPECT_EQ(at::mm(a, b).scalar_type(), torch::kFloat);
}

}  // namespace
}  // namespace unimiss
