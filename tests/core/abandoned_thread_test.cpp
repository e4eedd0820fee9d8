#include "unimiss/core/abandoned_thread.h"

#include <gtest/gtest.h>

#include <future>

namespace unimiss {
namespace {

TEST(AbandonedThread, IsRememberedForTheRestOfTheProcess) {
  std::promise<void> release, ended;
  std::thread thread([&, wait = release.get_future()]() mutable {
    wait.wait();
    ended.set_value_at_thread_exit();
  });
  abandon(thread);
  EXPECT_TRUE(has_abandoned_threads());
  EXPECT_FALSE(thread.joinable());
  release.set_value();
  ended.get_future().wait();  // it uses what is in this function
  EXPECT_TRUE(has_abandoned_threads());
}

}  // namespace
}  // namespace unimiss
