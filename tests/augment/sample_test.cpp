#include "unimiss/augment/sample.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

namespace unimiss::augment {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> roles_of(const Sample& sample) {
  std::vector<std::string> roles;
  for_each_tensor(sample, [&](const std::string& role, const torch::Tensor&) {
    roles.push_back(role);
  });
  return roles;
}

Sample views_of(float value) {
  return {{at::full({3, 2, 2}, value), at::full({1}, -value)}, {}};
}

TEST(Sample, TensorsAreVisitedByTheirRoles) {
  EXPECT_THAT(roles_of(views_of(1)), ElementsAre("image_1", "image_2"));
  EXPECT_THAT(roles_of({{at::zeros({1})}, at::zeros({})}),
              ElementsAre("image_1", "target"));
  EXPECT_THAT(roles_of({}), ElementsAre());
}

TEST(Sample, ABatchHoldsItsSamplesInRows) {
  Sample batch = batch_like(views_of(0), 2, HostMemory::kPageable);
  for (int row = 0; row < 2; ++row) set_row(batch, row, views_of(1 + row));
  EXPECT_EQ(rows_of(batch), 2);
  EXPECT_THAT(batch.images[0].sizes(), ElementsAre(2, 3, 2, 2));
  EXPECT_TRUE(batch.images[0][1].equal(at::full({3, 2, 2}, 2.0f)));
  EXPECT_TRUE(batch.images[1].flatten().equal(at::tensor({-1.0f, -2.0f})));
  EXPECT_FALSE(batch.target.defined());
}

TEST(Sample, TargetsKeepTheirType) {
  const Sample one{{at::ones({1, 2})}, at::full({}, 7, torch::kLong)};
  Sample batch = batch_like(one, 3, HostMemory::kPageable);
  for (int row = 0; row < 3; ++row) set_row(batch, row, one);
  EXPECT_EQ(batch.target.scalar_type(), torch::kLong);
  EXPECT_THAT(batch.target.sizes(), ElementsAre(3));
  EXPECT_EQ(to_device(batch, torch::kCPU).target.sum().item<int64_t>(), 21);
}

TEST(Sample, SamplesOfOneBatchAreAlike) {
  Sample batch = batch_like(views_of(0), 2, HostMemory::kPageable);
  EXPECT_THROW(set_row(batch, 0, {{at::zeros({3, 2, 2})}, {}}), c10::Error);
  Sample other = views_of(1);
  other.images[1] = at::zeros({2});
  EXPECT_THROW(set_row(batch, 0, other), c10::Error);
  other = views_of(1);
  other.target = at::zeros({});
  EXPECT_THROW(set_row(batch, 0, other), c10::Error);
}

TEST(Sample, MappingKeepsTheRoles) {
  const Sample half =
      map_tensors({{at::ones({2})}, at::ones({2}, torch::kFloat)},
                  [](const torch::Tensor& tensor) { return tensor / 2; });
  EXPECT_THAT(roles_of(half), ElementsAre("image_1", "target"));
  EXPECT_EQ(half.target.sum().item<double>(), 1);
}

}  // namespace
}  // namespace unimiss::augment
