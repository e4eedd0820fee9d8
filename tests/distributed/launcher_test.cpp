#include "unimiss/distributed/launcher.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <thread>

#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::distributed {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;

/// Launches shell scripts, each launch in a process of its own: it is to be
/// done once, and takes over signals.
class Launcher : public ::testing::Test {
 protected:
  pid_t begin(const std::string& script, int64_t processes = 2) {
    const pid_t process = fork();
    if (process != 0) return process;
    int status = 99;
    try {
      status =
          launch({.words = {"sh", "-c",
                            "cd " + folder_.path().string() + " && " + script},
                  .processes = processes,
                  .stop_signals = {SIGUSR1},
                  .program = "/bin/sh"});
    } catch (...) {
      status = 98;
    }
    _exit(status);
  }
  static int end(pid_t process) {
    int status = 0;
    waitpid(process, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  int launched(const std::string& script, int64_t processes = 2) {
    return end(begin(script, processes));
  }

  std::string text_of(const std::string& name) {
    std::ifstream file(folder_.file(name));
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  void wait_for(const std::string& name) {
    while (!std::filesystem::exists(folder_.file(name))) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  unimiss::testing::TemporaryDirectory folder_;
};

TEST_F(Launcher, TellsEachProcessItsPlace) {
  setenv("TORCHELASTIC_RUN_ID", "another launcher's", 1);
  EXPECT_EQ(launched("echo $RANK $LOCAL_RANK $WORLD_SIZE $LOCAL_WORLD_SIZE "
                     "$MASTER_ADDR \"$TORCHELASTIC_RUN_ID\" > $RANK; "
                     "echo $MASTER_PORT > port$RANK",
                     3),
            0);
  unsetenv("TORCHELASTIC_RUN_ID");
  EXPECT_THAT(text_of("0"), StartsWith("0 0 3 3 127.0.0.1 \n"));
  EXPECT_THAT(text_of("2"), StartsWith("2 2 3 3 127.0.0.1 \n"));
  EXPECT_GT(std::stoi(text_of("port0")), 0);
  EXPECT_EQ(text_of("port0"), text_of("port2"));
}

TEST_F(Launcher, ItsStatusIsThatOfTheFirstFailure) {
  EXPECT_EQ(launched("exit $((RANK * 2))"), 2);
  // The other ends by itself, and later.
  EXPECT_EQ(launched("test $RANK = 1 && exit 3; sleep 0.5; exit 4"), 3);
  EXPECT_EQ(launched("test $RANK = 1 && kill -KILL $$; sleep 0.5"), 1);
}

TEST_F(Launcher, SignalsArePassedOn) {
  const pid_t process = begin(
      "trap 'exit 75' USR1; touch ready$RANK; while :; do sleep 0.05; done");
  wait_for("ready0");
  wait_for("ready1");
  kill(process, SIGUSR1);
  EXPECT_EQ(end(process), kExitPreempted);
}

TEST_F(Launcher, WhatAStopSignalEndsHadNothingToSave) {
  const pid_t process = begin("touch ready$RANK; while :; do sleep 0.05; done");
  wait_for("ready0");
  wait_for("ready1");
  kill(process, SIGUSR1);
  EXPECT_EQ(end(process), kExitPreempted);
}

TEST_F(Launcher, ASignalThatDoesNotAskToStopIsAFailure) {
  const pid_t process = begin("touch ready$RANK; while :; do sleep 0.05; done");
  wait_for("ready0");
  wait_for("ready1");
  kill(process, SIGUSR2);
  EXPECT_EQ(end(process), kExitFailed);
}

TEST_F(Launcher, OnlyTheFirstProcessLaunches) {
  for (const char* name : {"RANK", "WORLD_SIZE", "UNIMISS_LAUNCH"}) {
    unsetenv(name);
  }
  EXPECT_FALSE(should_launch(1));
  EXPECT_TRUE(should_launch(2));
  setenv("UNIMISS_LAUNCH", "1", 1);
  EXPECT_FALSE(should_launch(2));
  unsetenv("UNIMISS_LAUNCH");
  // As torchrun does.
  const std::map<std::string, std::string> variables{
      {"RANK", "0"},
      {"WORLD_SIZE", "2"},
      {"LOCAL_RANK", "0"},
      {"MASTER_ADDR", "127.0.0.1"},
      {"MASTER_PORT", "29500"}};
  for (const auto& [name, value] : variables) {
    setenv(name.c_str(), value.c_str(), 1);
  }
  EXPECT_THAT([] { should_launch(2); },
              ThrowsMessage<ConfigError>(HasSubstr("--nproc-per-node: is 2")));
  for (const auto& [name, value] : variables) unsetenv(name.c_str());
}

}  // namespace
}  // namespace unimiss::distributed
