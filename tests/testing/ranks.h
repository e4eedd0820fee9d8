#pragma once

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "unimiss/distributed/communicator.h"
#include "unimiss/distributed/free_port.h"

namespace unimiss::testing {

/// Whether this program has a test "Suite.Name".
inline bool is_there(const std::string& test) {
  const ::testing::UnitTest& all = *::testing::UnitTest::GetInstance();
  for (int i = 0; i < all.total_test_suite_count(); ++i) {
    const ::testing::TestSuite& suite = *all.GetTestSuite(i);
    for (int j = 0; j < suite.total_test_count(); ++j) {
      if (suite.name() + std::string(".") + suite.GetTestInfo(j)->name() ==
          test) {
        return true;
      }
    }
  }
  return false;
}

/// Runs a test of this program, called DISABLED_..., in several processes that
/// are told apart as torchrun does; their exit statuses (-1: by a signal).
inline std::vector<int> run_ranks(int count, const std::string& test) {
  EXPECT_TRUE(is_there(test)) << test;
  const std::string port = std::to_string(distributed::free_port());
  std::vector<pid_t> processes;
  for (int rank = 0; rank < count; ++rank) {
    std::vector<std::string> variables{
        "RANK=" + std::to_string(rank), "WORLD_SIZE=" + std::to_string(count),
        "MASTER_ADDR=127.0.0.1", "MASTER_PORT=" + port,
        // As tune_allocator() of the programs.
        "MALLOC_MMAP_THRESHOLD_=1073741824",
        "MALLOC_TRIM_THRESHOLD_=2147483646", "MALLOC_TOP_PAD_=67108864"};
    for (char** variable = environ; *variable != nullptr; ++variable) {
      variables.emplace_back(*variable);
    }
    std::vector<std::string> words{"/proc/self/exe", "--gtest_filter=" + test,
                                   "--gtest_also_run_disabled_tests"};
    const auto pointers = [](std::vector<std::string>& texts) {
      std::vector<char*> all;
      all.reserve(texts.size() + 1);
      for (std::string& text : texts) all.push_back(text.data());
      all.push_back(nullptr);
      return all;
    };
    pid_t process = 0;
    EXPECT_EQ(posix_spawn(&process, "/proc/self/exe", nullptr, nullptr,
                          pointers(words).data(), pointers(variables).data()),
              0);
    processes.push_back(process);
  }
  std::vector<int> statuses;
  for (const pid_t process : processes) {
    int status = 0;
    waitpid(process, &status, 0);
    statuses.push_back(WIFEXITED(status) ? WEXITSTATUS(status) : -1);
  }
  return statuses;
}

/// That of a process of run_ranks().
inline distributed::Communicator join_ranks() {
  return {distributed::world_from_environment(), torch::kCPU,
          std::chrono::seconds(60)};
}

}  // namespace unimiss::testing
