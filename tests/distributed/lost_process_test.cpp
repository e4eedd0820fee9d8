#include "distributed/lost_process.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>
#include <torch/csrc/distributed/c10d/HashStore.hpp>

#include "unimiss/distributed/communicator.h"

namespace unimiss::distributed {
namespace {

using ::testing::HasSubstr;

/// A process that stays until it is waited for, ended or not.
class Child {
 public:
  Child() : process_(fork()) {
    if (process_ == 0) {
      pause();
      _exit(0);
    }
  }
  ~Child() {
    end();
    waitpid(process_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Ends it, and waits until that can be seen.
  void end() {
    kill(process_, SIGKILL);
    siginfo_t unused{};
    waitid(P_PID, static_cast<id_t>(process_), &unused, WEXITED | WNOWAIT);
  }
  /// As own_place() of it.
  std::string place() const {
    const std::string own = own_place();
    return own.substr(0, own.rfind(' ') + 1) + std::to_string(process_);
  }
  pid_t process() const { return process_; }

 private:
  pid_t process_;
};

/// The first of two processes, of which the other is that child.
Company with(const Child& child) {
  Company company;
  company.world.size = 2;
  company.peers = peers_of({own_place(), child.place()});
  company.store = c10::make_intrusive<c10d::HashStore>();
  return company;
}

std::string lost_by(const Company& company) {
  try {
    throw_lost(company, "averaging gradients", std::runtime_error("reset"));
  } catch (const LostProcess& error) {
    return error.what();
  }
}

TEST(LostProcess, PeersOfThisMachineAreSeenWhileTheyRun) {
  Child child;
  const auto peers = peers_of({own_place(), child.place(), "elsewhere 1"});
  ASSERT_EQ(peers.size(), 3);
  EXPECT_EQ(peers[0].process, getpid());
  EXPECT_TRUE(peers[0].visible);
  EXPECT_EQ(peers[1].process, child.process());
  EXPECT_TRUE(peers[1].visible);
  EXPECT_EQ(peers[2].host, "elsewhere");
  EXPECT_FALSE(peers[2].visible);
}

TEST(LostProcess, AProcessThatNobodyHasWaitedForHasEnded) {
  Child child;
  const Company company = with(child);
  EXPECT_FALSE(some_peer_has_ended(company));
  child.end();
  EXPECT_TRUE(some_peer_has_ended(company));
}

TEST(LostProcess, TheOneThatEndedIsNamed) {
  Child child;
  const Company company = with(child);
  child.end();
  const std::string message = lost_by(company);
  EXPECT_THAT(message, HasSubstr("process 0 of 2 lost the others while "
                                 "averaging gradients: process 1 (pid " +
                                 std::to_string(child.process())));
  EXPECT_THAT(message, HasSubstr("has ended (reset)"));
}

TEST(LostProcess, OneThatKnowsOfTheLossItselfIsNotBlamed) {
  const Child child;
  const Company company = with(child);
  company.store->set("noticed/1", "1");
  EXPECT_THAT(lost_by(company),
              HasSubstr("look for the first process that failed (reset)"));
}

TEST(LostProcess, NobodyIsKnownBeforeTheyHaveMet) {
  Company company;
  company.world.size = 2;
  EXPECT_THAT(lost_by(company),
              HasSubstr("look for the first process that failed (reset)"));
}

}  // namespace
}  // namespace unimiss::distributed
