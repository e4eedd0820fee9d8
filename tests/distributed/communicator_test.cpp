#include "unimiss/distributed/communicator.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include "testing/ranks.h"
#include "unimiss/core/error.h"

namespace unimiss::distributed {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using unimiss::testing::join_ranks;
using unimiss::testing::run_ranks;

TEST(Communicator, AloneEveryFunctionIsItself) {
  const Communicator alone;
  torch::Tensor numbers = at::arange(3, torch::kFloat);
  alone.sum(numbers);
  alone.mean(numbers);
  alone.broadcast({numbers});
  alone.barrier();
  EXPECT_TRUE(at::equal(numbers, at::arange(3, torch::kFloat)));
  EXPECT_EQ(alone.gather(numbers).size(), 1u);
  EXPECT_EQ(alone.gather("text"), std::vector<std::string>{"text"});
}

TEST(Communicator, DISABLED_Collectives) {
  const Communicator all = join_ranks();
  const auto rank = static_cast<float>(all.rank());
  const auto size = static_cast<float>(all.size());
  torch::Tensor numbers = at::full({5}, rank + 1, torch::kDouble);
  all.sum(numbers);
  EXPECT_TRUE(
      at::equal(numbers, at::full({5}, size * (size + 1) / 2, torch::kDouble)));
  numbers = at::full({2, 2}, rank);
  all.mean(numbers);
  EXPECT_TRUE(at::allclose(numbers, at::full({2, 2}, (size - 1) / 2)));
  // Not contiguous, and an integer: as they are, in place.
  torch::Tensor grid = at::full({3, 4}, rank);
  const torch::Tensor transposed = grid.t();
  const torch::Tensor whole = at::full({2}, all.rank(), torch::kLong);
  all.broadcast({transposed, whole});
  EXPECT_TRUE(grid.eq(0).all().item<bool>());
  EXPECT_TRUE(whole.eq(0).all().item<bool>());
  const auto gathered = all.gather(at::full({2}, rank));
  ASSERT_EQ(static_cast<int64_t>(gathered.size()), all.size());
  for (size_t i = 0; i < gathered.size(); ++i) {
    EXPECT_EQ(gathered[i][1].item<float>(), static_cast<float>(i));
  }
  std::vector<std::string> expected;
  for (int64_t i = 0; i < all.size(); ++i) expected.emplace_back(i, 'x');
  EXPECT_EQ(all.gather(std::string(all.rank(), 'x')), expected);
  all.barrier();
}

TEST(Communicator, TwoAndThreeProcessesAgree) {
  for (const int count : {2, 3}) {
    EXPECT_THAT(run_ranks(count, "Communicator.DISABLED_Collectives"), Each(0))
        << count;
  }
}

TEST(Communicator, DISABLED_OneLeaves) {
  const Communicator all = join_ranks();
  if (all.rank() == 1) std::_Exit(0);
  torch::Tensor numbers = at::ones({4});
  try {
    all.sum(numbers);
    ADD_FAILURE() << "nothing was missed";
  } catch (const RunError& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("process 0 of 2 lost the others while adding up"));
  }
}

TEST(Communicator, ALostProcessIsAnErrorOfTheOthers) {
  EXPECT_THAT(run_ranks(2, "Communicator.DISABLED_OneLeaves"), Each(0));
}

TEST(Communicator, NobodyComesWithinTheTimeout) {
  World world;
  world.size = 2;
  world.rank = 1;
  world.port = free_port();
  try {
    const Communicator all(world, torch::kCPU, std::chrono::seconds(1));
    ADD_FAILURE() << "met somebody";
  } catch (const RunError& error) {
    EXPECT_THAT(error.what(), HasSubstr("process 1 of 2 cannot reach"));
  }
}

}  // namespace
}  // namespace unimiss::distributed
