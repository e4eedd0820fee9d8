// Several processes that pretrain together, started by the program itself.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "apps/toy_run.h"
#include "testing/state_difference.h"
#include "unimiss/io/tensor_archive.h"

namespace unimiss {
namespace {

namespace fs = std::filesystem;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::relative_difference;

class Distributed : public testing::ToyRun {
 protected:
  static constexpr int kMany = 24;

  /// The global batches are those of six images or volumes.
  static std::string steps(int count, const std::string& more = "") {
    return "run.max_steps=" + std::to_string(count) +
           " data.batch_size_2d=6 data.batch_size_3d=6"
           " run.checkpoint_every_steps=1 run.keep_checkpoints=99"
           " run.process_timeout=0.5 " +
           more;
  }
  std::map<std::string, torch::Tensor> state(const std::string& output,
                                             int step) const {
    return io::load_tensors(folder_.file(output + "/checkpoints/step_0000000" +
                                         std::to_string(step) +
                                         ".safetensors"));
  }
  static int count_of(const std::string& what, const std::string& text) {
    int count = 0;
    for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; ++at) {
      ++count;
    }
    return count;
  }
  /// Runs until a step is in the metrics, then calls harm(pid of the launcher);
  /// the exit status and all that was printed.
  template <class Harm>
  testing::ProgramResult harmed(const std::string& output, int after,
                                const Harm& harm,
                                const std::string& more = "") {
    testing::ProgramResult result;
    std::thread run([&] {
      result = pretrain("--nproc-per-node 2 " + steps(kMany, more), output);
    });
    const std::string file = folder_.file(output + "/metrics.jsonl");
    for (int i = 0; i < 1200; ++i) {
      std::ifstream metrics(file);
      std::string line;
      int lines = 0;
      while (std::getline(metrics, line)) ++lines;
      if (lines >= after) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    harm();
    run.join();
    return result;
  }
  enum class Which { kLauncher, kFirst, kSecond };

  /// Of the processes of a run, by their command line, the first or second one,
  /// or that which has started them.
  std::vector<pid_t> processes(const std::string& output,
                               Which which = Which::kSecond) const {
    std::vector<pid_t> found;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const std::string name = entry.path().filename().string();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      std::ifstream file(entry.path() / "cmdline");
      const std::string words{std::istreambuf_iterator<char>(file), {}};
      std::ifstream variables(entry.path() / "environ");
      const std::string all{std::istreambuf_iterator<char>(variables), {}};
      const bool launched =
          all.find(std::string("\0RANK=", 6)) != std::string::npos;
      const bool wanted =
          which == Which::kLauncher
              ? !launched && words.starts_with(
                                 std::string(std::getenv("UNIMISS_PROGRAMS")))
              : all.find(which == Which::kFirst
                             ? std::string("\0RANK=0", 7)
                             : std::string("\0RANK=1", 7)) != std::string::npos;
      if (words.find(folder_.file(output)) != std::string::npos && wanted) {
        found.push_back(static_cast<pid_t>(std::stoi(name)));
      }
    }
    return found;
  }
  void send(const std::string& output, Which which, int signal) const {
    for (const pid_t process : processes(output, which)) kill(process, signal);
  }
};

TEST_F(Distributed, TwoAndThreeProcessesTakeTheStepsOfOne) {
  ASSERT_EQ(pretrain(steps(6), "one").status, 0);
  for (const std::string count : {"2", "3"}) {
    const auto result =
        pretrain("--nproc-per-node " + count + " " + steps(6), "n" + count);
    ASSERT_EQ(result.status, 0) << result.output;
    EXPECT_THAT(result.output, HasSubstr("Pretraining finished"));
    EXPECT_LT(relative_difference(state("one", 6), state("n" + count, 6)),
              1e-5);
    const auto one = metrics("one"), found = metrics("n" + count);
    ASSERT_EQ(found.size(), one.size());
    for (size_t i = 0; i < one.size(); ++i) {
      EXPECT_NEAR(found[i]["loss"].get<double>(), one[i]["loss"].get<double>(),
                  1e-4);
      EXPECT_EQ(found[i]["samples"], one[i]["samples"]);
    }
  }
  // The same again, stopped in between: to the last bit.
  const std::string from =
      " --resume " + folder_.file("n2/checkpoints/step_00000003.safetensors ");
  const auto again = pretrain("--nproc-per-node 2" + from + steps(6), "again");
  ASSERT_EQ(again.status, 0) << again.output;
  EXPECT_EQ(relative_difference(state("n2", 6), state("again", 6)), 0);
  // A checkpoint of two is gone on from by three.
  const auto more = pretrain("--nproc-per-node 3" + from + steps(6), "other");
  ASSERT_EQ(more.status, 0) << more.output;
  EXPECT_LT(relative_difference(state("one", 6), state("other", 6)), 1e-5);
}

TEST_F(Distributed, ALostProcessEndsTheOthersAndLosesNothing) {
  const auto result =
      harmed("run", 3, [&] { send("run", Which::kSecond, SIGKILL); });
  EXPECT_EQ(result.status, 1) << result.output;
  EXPECT_THAT(result.output, HasSubstr("process 1 was ended by signal 9"));
  EXPECT_THAT(result.output,
              ContainsRegex("lost the others while .*: process "
                            "1 \\(pid [0-9]+ on .*\\) has ended"));
  EXPECT_THAT(result.output, HasSubstr("nothing is lost up to step"));
  EXPECT_GE(metrics("run").size(), 3u);
  EXPECT_LT(metrics("run").size(), static_cast<size_t>(kMany));
  // As if nothing had happened, to the last bit.
  const std::string call = "--nproc-per-node 2 " + steps(kMany);
  const auto again = pretrain(call, "run");
  EXPECT_EQ(again.status, 0) << again.output;
  ASSERT_EQ(pretrain(call, "unbroken").status, 0);
  const auto weights = [&](const std::string& output) {
    return io::load_tensors(folder_.file(output + "/export/full.safetensors"));
  };
  EXPECT_EQ(relative_difference(weights("run"), weights("unbroken")), 0);
  EXPECT_EQ(metrics("run").size(), static_cast<size_t>(kMany));
}

TEST_F(Distributed, ASignalToOneStopsAllAtOneStep) {
  const auto result =
      harmed("run", 3, [&] { send("run", Which::kSecond, SIGUSR1); });
  EXPECT_EQ(result.status, 75) << result.output;
  EXPECT_THAT(result.output, HasSubstr("stopped by SIGUSR1 (process 1)"));
}

TEST_F(Distributed, BatchesAreDividedEvenly) {
  const auto refused = pretrain("--nproc-per-node 4 " + steps(4), "run");
  EXPECT_EQ(refused.status, 2) << refused.output;
  EXPECT_THAT(refused.output,
              HasSubstr("data.batch_size_2d: must be a multiple of 4"));
  EXPECT_FALSE(fs::exists(folder_.file("run/manifest.json")));
}

TEST_F(Distributed, AStepThatIsNotFiniteIsWrittenDownWithAllItsSamples) {
  const auto result = pretrain(
      "--nproc-per-node 2 " +
          steps(8,
                "optimizer.lr=1e30 optimizer.clip=0 schedule.warmup_epochs=0"
                " schedule.freeze_last_layer_epochs=0"),
      "run");
  EXPECT_EQ(result.status, 1) << result.output;
  EXPECT_EQ(count_of("is not finite; its samples are in", result.output), 1)
      << result.output;
  nlohmann::json record;
  for (const auto& file :
       fs::directory_iterator(folder_.file("run/nonfinite"))) {
    if (file.path().extension() != ".json") continue;
    record = nlohmann::json::parse(testing::read_bytes(file.path()));
  }
  ASSERT_TRUE(record.is_object());
  EXPECT_EQ(record["samples"].size(), 6u);
  for (const auto& sample : record["samples"]) {
    EXPECT_TRUE(sample["views_are_finite"].get<bool>());
  }
}

TEST_F(Distributed, AMistakeIsToldOnce) {
  const auto result =
      pretrain("--nproc-per-node 3 " + steps(4, "model.variant=huge"), "run");
  EXPECT_EQ(result.status, 2) << result.output;
  EXPECT_EQ(count_of("model.variant", result.output), 1) << result.output;
  // More than this machine has GPUs, if it has any.
  const auto devices =
      pretrain("--nproc-per-node 24 run.device=cuda " +
                   steps(4, "data.batch_size_2d=24 data.batch_size_3d=24"),
               "run");
  EXPECT_EQ(devices.status, 2) << devices.output;
  EXPECT_EQ(count_of("run.device: this", devices.output) +
                count_of("run.device: no GPU", devices.output),
            1)
      << devices.output;
  // One that only the processes find.
  testing::write_bytes(folder_.file("a.png"), "no image");
  const auto bad = pretrain("--nproc-per-node 3 " + steps(4), "run");
  EXPECT_EQ(bad.status, 2) << bad.output;
  EXPECT_EQ(count_of("1 of its 2 files cannot be used", bad.output), 1)
      << bad.output;
}

TEST_F(Distributed, IsCheckedBeforeAnythingStarts) {
  const auto dry = pretrain("--nproc-per-node 4 --dry-run " + steps(4), "run");
  EXPECT_EQ(dry.status, 2) << dry.output;
  EXPECT_THAT(dry.output, HasSubstr("must be a multiple of 4"));
  setenv("RANK", "0", 1);
  setenv("WORLD_SIZE", "2", 1);
  const auto twice = pretrain("--nproc-per-node 2 " + steps(4), "run");
  unsetenv("RANK");
  unsetenv("WORLD_SIZE");
  EXPECT_EQ(twice.status, 2) << twice.output;
  EXPECT_THAT(twice.output,
              HasSubstr("--nproc-per-node: is 2, but the environment says that "
                        "this is process 0 of 2"));
}

TEST_F(Distributed, ASignalAtAnyTimeIsAStop) {
  // Before training begins, and after it has ended, there is nothing to save.
  for (const int delay : {150, 400, 700, 1000}) {
    const std::string output = "at" + std::to_string(delay);
    testing::ProgramResult result;
    std::thread run(
        [&] { result = pretrain("--nproc-per-node 2 " + steps(4), output); });
    std::this_thread::sleep_for(std::chrono::milliseconds(delay));
    send(output, Which::kLauncher, SIGTERM);
    run.join();
    // By the signal itself before it is passed on.
    EXPECT_THAT(result.status, ::testing::AnyOf(0, 75, 143, -1))
        << result.output;
  }
}

TEST_F(Distributed, TheLossOfTheFirstIsToldShortly) {
  const auto result =
      harmed("run", 3, [&] { send("run", Which::kFirst, SIGKILL); });
  EXPECT_EQ(result.status, 1) << result.output;
  EXPECT_THAT(result.output,
              HasSubstr("process 0 was ended by signal 9 (Killed); the others "
                        "will end, too; the same command goes on from the "
                        "newest checkpoint"));
  EXPECT_THAT(result.output, ContainsRegex("error: .*process 0 .*has ended"));
  EXPECT_THAT(result.output, Not(HasSubstr("frame #")));
}

TEST_F(Distributed, ASignalThatIsNoStopIsAFailure) {
  const auto result =
      harmed("run", 3, [&] { send("run", Which::kLauncher, SIGUSR2); });
  EXPECT_EQ(result.status, 1) << result.output;
  EXPECT_THAT(result.output,
              HasSubstr("was ended by signal 12 (User defined signal 2, "
                        "passed on to all; run.stop_signals do not hold it)"));
}

TEST_F(Distributed, WhatIsStartedUnderNohupOutlivesItsTerminal) {
  // Programs that this one starts ignore it, too.
  signal(SIGHUP, SIG_IGN);
  const auto result = harmed("run", 3, [&] {
    for (const Which which : {Which::kLauncher, Which::kSecond}) {
      send("run", which, SIGHUP);
    }
  });
  signal(SIGHUP, SIG_DFL);
  EXPECT_EQ(result.status, 0) << result.output;
}

TEST_F(Distributed, AnOutputThatIsNoRunsIsToldOnce) {
  fs::create_directories(folder_.file("run"));
  testing::write_bytes(folder_.file("run/config.yaml"), "a: 1");
  const auto result = pretrain("--nproc-per-node 3 " + steps(4), "run");
  EXPECT_EQ(result.status, 2) << result.output;
  EXPECT_EQ(count_of("that no run of this program wrote", result.output), 1)
      << result.output;
}

TEST_F(Distributed, AFileThatIsRemovedEndsTheRun) {
  const auto result =
      harmed("run", 3, [&] { fs::remove(folder_.file("run/metrics.jsonl")); });
  EXPECT_EQ(result.status, 1) << result.output;
  EXPECT_THAT(result.output, HasSubstr("metrics.jsonl: was removed while"));
}

TEST_F(Distributed, TheEndOfTheLauncherIsAStop) {
  const auto result =
      harmed("run", 3, [&] { send("run", Which::kLauncher, SIGKILL); });
  EXPECT_NE(result.status, 0);
  // The processes save, and end by themselves.
  for (int i = 0; i < 600 && !processes("run").empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  ASSERT_TRUE(processes("run").empty());
  const auto again = pretrain("--nproc-per-node 2 " + steps(kMany), "run");
  EXPECT_EQ(again.status, 0) << again.output;
  EXPECT_THAT(again.output, HasSubstr("going on from step"));
  EXPECT_EQ(metrics("run").size(), static_cast<size_t>(kMany));
}

TEST_F(Distributed, AStalledSampleIsNamedBeforeTheOthersGiveUp) {
  // Its entry in the cache becomes a pipe that nobody writes to.
  const auto result = harmed(
      "run", 3,
      [&] {
        for (const auto& file :
             fs::recursive_directory_iterator(folder_.file("cache/volumes"))) {
          if (file.path().extension() != ".nii") continue;
          const std::string pipe = folder_.file("pipe");
          ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
          fs::rename(pipe, file.path());
        }
      },
      "run.process_timeout=0.2 data.cache=" + folder_.file("cache"));
  EXPECT_EQ(result.status, 1) << result.output;
  EXPECT_THAT(result.output, HasSubstr("is in decoding for"));
  EXPECT_THAT(result.output, HasSubstr("c.nii.gz"));
  EXPECT_THAT(result.output, HasSubstr("nothing is lost up to step"));
}

TEST_F(Distributed, MetricsTellHowTheProcessesDiffer) {
  const auto result = pretrain(
      "--nproc-per-node 2 optimizer.accumulate=3 "
      "optimizer.compression=fp16 optimizer.skip_spikes=8 " +
          steps(4),
      "run");
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("waiting for each other; process "));
  for (const auto& step : metrics("run")) {
    EXPECT_GE(step["communication_wait"], 0);
    EXPECT_LE(step["communication_wait"], step["communication_wait_most"]);
    EXPECT_LE(step["scaling_efficiency"], 1);
    EXPECT_GT(step["process_rate_least"], 0);
    EXPECT_LE(step["process_rate_least"], step["process_rate_most"]);
    EXPECT_THAT(step["slowest_process"], ::testing::AnyOf(0, 1));
  }
}

}  // namespace
}  // namespace unimiss
