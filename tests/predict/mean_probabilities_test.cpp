#include "predict/mean_probabilities.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include <filesystem>

#include "testing/temporary_directory.h"

namespace unimiss::predict {
namespace {

TEST(MeanProbabilities, AreThoseOfAllNetworksSliceBySlice) {
  const testing::TemporaryDirectory folder;
  MeanProbabilities mean(folder.file("out"));
  const torch::Tensor all = at::rand({3, 4, 2, 5, 6});  // network, slice, ...
  for (int64_t network = 0; network < 3; ++network) {
    for (int64_t z = 0; z < 4; ++z) {
      // A slice may be a view whose rows are not in order.
      mean.add(z, all[network][z].transpose(1, 2).contiguous().transpose(1, 2));
    }
  }
  for (const int64_t z : {2, 0, 3, 1}) {
    EXPECT_TRUE(at::allclose(mean.mean(z, 3), all.select(1, z).mean(0)));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.file("out")));
}

}  // namespace
}  // namespace unimiss::predict
