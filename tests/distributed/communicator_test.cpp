#include "unimiss/distributed/communicator.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "testing/error_text.h"
#include "testing/ranks.h"
#include "unimiss/core/abandoned_thread.h"
#include "unimiss/core/error.h"

namespace unimiss::distributed {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;
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
  EXPECT_THAT(unimiss::testing::error_text<RunError>([&] { all.sum(numbers); }),
              HasSubstr("process 0 of 2 lost the others while adding up"));
}

TEST(Communicator, ALostProcessIsAnErrorOfTheOthers) {
  EXPECT_THAT(run_ranks(2, "Communicator.DISABLED_OneLeaves"), Each(0));
}

TEST(Communicator, NobodyComesWithinTheTimeout) {
  World world;
  world.size = 2;
  world.rank = 1;
  world.port = free_port();
  ::testing::internal::CaptureStderr();
  EXPECT_THAT(unimiss::testing::error_text<RunError>([&] {
                const Communicator all(world, torch::kCPU,
                                       std::chrono::seconds(1));
              }),
              HasSubstr("process 1 of 2 cannot reach"));
  // The exception says all.
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

/// A port that somebody listens at who does not answer.
class Deaf {
 public:
  explicit Deaf(int64_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    EXPECT_EQ(
        bind(handle_, reinterpret_cast<sockaddr*>(&address), sizeof address),
        0);
    EXPECT_EQ(listen(handle_, 8), 0);
  }
  ~Deaf() { close(handle_); }

 private:
  int handle_ = socket(AF_INET, SOCK_STREAM, 0);
};

std::string meeting_error(const World& world, int seconds = 2) {
  try {
    Communicator(world, torch::kCPU, std::chrono::seconds(seconds));
  } catch (const ConfigError& error) {
    return std::string("configuration: ") + error.what();
  } catch (const LostProcess& error) {
    return std::string("lost: ") + error.what();
  }
  return "";
}

TEST(Communicator, APortThatIsTakenIsTold) {
  World world;
  world.size = 2;
  world.port = free_port();
  const Deaf other(world.port);
  EXPECT_THAT(meeting_error(world),
              AllOf(HasSubstr("configuration: MASTER_PORT: process 0 cannot "
                              "listen at port " +
                              std::to_string(world.port)),
                    Not(HasSubstr("frame #"))));
}

TEST(Communicator, OneThatIsAloneSaysWhomItWaitsFor) {
  World world;
  world.size = 3;
  world.port = free_port();
  EXPECT_THAT(
      meeting_error(world),
      AllOf(HasSubstr("lost: process 0 of 3 waits at 127.0.0.1 at port"),
            HasSubstr("for 1, 2, which did not come within 2 s")));
}

TEST(Communicator, DISABLED_SomethingElseListens) {
  World world = world_from_environment();
  world.rank = 1;
  world.size = 2;
  world.port = free_port();
  const Deaf other(world.port);
  EXPECT_THAT(meeting_error(world), HasSubstr("lost: process 1 of 2"));
  EXPECT_TRUE(has_abandoned_threads());
  std::_Exit(HasFailure() ? 1 : 0);
}

TEST(Communicator, WhatDoesNotAnswerIsGivenUp) {
  EXPECT_THAT(run_ranks(1, "Communicator.DISABLED_SomethingElseListens"),
              Each(0));
}

TEST(Communicator, DISABLED_OnANetworkThatIsNot) {
  setenv("GLOO_SOCKET_IFNAME", "nothing0", 1);
  EXPECT_THAT(meeting_error(world_from_environment(), 60),
              HasSubstr("configuration: GLOO_SOCKET_IFNAME: nothing0 cannot"));
}

TEST(Communicator, ANetworkThatIsNotIsTold) {
  EXPECT_THAT(run_ranks(2, "Communicator.DISABLED_OnANetworkThatIsNot"),
              Each(0));
}

TEST(Communicator, DISABLED_OneCountsOtherwise) {
  World world = world_from_environment();
  if (world.rank == 1) world.size = 3;
  const std::string error = meeting_error(world, 60);
  // The store goes with the first one.
  EXPECT_THAT(error, world.rank == 0
                         ? HasSubstr("WORLD_SIZE: is 2 here (process 0) and 3 "
                                     "in process 1")
                         : HasSubstr("process 1"));
}

TEST(Communicator, NumbersThatDifferAreTold) {
  EXPECT_THAT(run_ranks(2, "Communicator.DISABLED_OneCountsOtherwise"),
              Each(0));
}

}  // namespace
}  // namespace unimiss::distributed
