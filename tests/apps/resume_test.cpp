#include <gmock/gmock.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <thread>

#include "apps/toy_run.h"
#include "unimiss/io/tensor_archive.h"

namespace unimiss {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::read_bytes;

class Resume : public testing::ToyRun {
 protected:
  static constexpr int kSteps = 9;  // 2d 2d 3d 3d 2d 2d 3d 3d 2d

  static std::string arguments(const std::string& more = "",
                               int steps = kSteps) {
    return "run.max_steps=" + std::to_string(steps) +
           " run.checkpoint_every_steps=1 run.keep_checkpoints=99"
           " model.drop_path=0.2 " +
           more;
  }

  /// Losses from this step on, and the weights, must be those of "whole".
  void expect_same(const std::string& output, int from, int steps = kSteps) {
    const auto whole = metrics("whole"), found = metrics(output);
    ASSERT_EQ(whole.size(), static_cast<size_t>(steps));
    ASSERT_EQ(found.size(), static_cast<size_t>(steps - from)) << output;
    for (size_t i = 0; i < found.size(); ++i) {
      for (const char* key : {"step", "loss", "grad_norm", "lr"}) {
        EXPECT_EQ(found[i][key], whole[from + i][key]) << output << " " << key;
      }
    }
    // The checkpoint has optimizer, center and loss scale too.
    for (const std::string file :
         {"/export/student", "/export/teacher", "/export/full",
          steps == kSteps ? "/checkpoints/step_00000009"
                          : "/checkpoints/step_00000030"}) {
      expect_same_tensors(file + ".safetensors", output);
    }
  }

  void expect_same_tensors(const std::string& file, const std::string& output) {
    const auto whole = io::load_tensors(folder_.file("whole" + file));
    const auto found = io::load_tensors(folder_.file(output + file));
    ASSERT_EQ(whole.size(), found.size()) << output << file;
    for (const auto& [name, tensor] : whole) {
      EXPECT_TRUE(tensor.equal(found.at(name))) << output << file << name;
    }
  }

  std::string checkpoint(int step) {
    return folder_.file("whole/checkpoints/step_0000000" +
                        std::to_string(step) + ".safetensors");
  }
};

TEST_F(Resume, AtAnyStepIsAsIfNeverStopped) {
  ASSERT_EQ(pretrain(arguments(), "whole").status, 0);
  for (int step = 1; step < kSteps; ++step) {
    const std::string output = "from" + std::to_string(step);
    const auto result =
        pretrain(arguments("--resume " + checkpoint(step)), output);
    ASSERT_EQ(result.status, 0) << result.output;
    expect_same(output, step);
  }
}

TEST_F(Resume, IsExactByTheOfficialRulesToo) {
  // Epochs of each kind in turn; idle weights move by momentum and decay.
  const std::string official =
      arguments("loss.preset=official data.samples_per_volume=2 ");
  ASSERT_EQ(pretrain(official, "whole").status, 0);
  for (int step : {2, 5}) {
    const std::string output = "from" + std::to_string(step);
    const auto result =
        pretrain(official + "--resume " + checkpoint(step), output);
    ASSERT_EQ(result.status, 0) << result.output;
    expect_same(output, step);
  }
}

TEST_F(Resume, IsExactWithEverythingElse) {
  // Weighted lists, files that are left out, bf16, a skipped step's count.
  testing::write_bytes(folder_.file("bad.png"), "no image");
  testing::write_bytes(folder_.file("more.txt"), "b.png\nbad.png\n");
  const std::string all = arguments(
      "run.precision=bf16 data.on_error=skip data.max_bad=1 "
      "data.image_weights=[1,3] data.images=[" +
      folder_.file("images.txt") + "," + folder_.file("more.txt") + "] ");
  ASSERT_EQ(pretrain(all, "whole").status, 0);
  for (int step : {1, 4}) {
    const std::string output = "from" + std::to_string(step);
    const auto result = pretrain(all + "--resume " + checkpoint(step), output);
    ASSERT_EQ(result.status, 0) << result.output;
    expect_same(output, step);
  }
}

TEST_F(Resume, ASignalSavesAndTheSameCommandGoesOn) {
  // Long enough that the signal comes in the middle.
  constexpr int kLong = 30;
  ASSERT_EQ(pretrain(arguments("", kLong), "whole").status, 0);
  for (const auto& [output, number] :
       {std::pair<std::string, int>{"TERM", SIGTERM},
        {"INT", SIGINT},
        {"USR1", SIGUSR1}}) {
    testing::ProgramResult stopped;
    // Checkpoints are only written because of the signal.
    std::thread run([&, name = output] {
      stopped =
          pretrain(arguments("run.checkpoint_every_steps=0", kLong), name);
    });
    const std::string log = folder_.file(output + "/metrics.jsonl");
    for (int i = 0; i < 6000 && read_bytes(log).empty(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    // Never throws: the thread must be joined.
    const auto manifest = nlohmann::json::parse(
        read_bytes(folder_.file(output + "/manifest.json")), nullptr, false);
    const int process =
        manifest.is_object()
            ? std::stoi(manifest["starts"][0].value("process", "0"))
            : 0;
    const bool sent = process > 0 && kill(process, number) == 0;
    run.join();
    EXPECT_TRUE(sent);
    ASSERT_EQ(stopped.status, 75) << stopped.output;
    EXPECT_THAT(stopped.output, HasSubstr("stopped by SIG" + output));
    EXPECT_FALSE(fs::exists(folder_.file(output + "/export/full.safetensors")));
    const auto result = pretrain(arguments("", kLong), output);
    ASSERT_EQ(result.status, 0) << result.output;
    expect_same(output, 0, kLong);
  }
}

TEST_F(Resume, ATimeLimitSavesInTime) {
  const auto result = pretrain(arguments("run.time_limit=0.001"), "run");
  EXPECT_EQ(result.status, 75) << result.output;
  EXPECT_THAT(result.output,
              HasSubstr("stopped by run.time_limit after step 1"));
  ASSERT_EQ(pretrain(arguments(), "run").status, 0);
  EXPECT_EQ(metrics("run").size(), size_t{kSteps});
}

TEST_F(Resume, ABranchIsARunOfItsOwn) {
  ASSERT_EQ(pretrain(arguments(), "whole").status, 0);
  const std::string branch =
      arguments("run.time_limit=0.001 run.checkpoint_every_steps=0 --resume " +
                checkpoint(3));
  // The same command goes on, step by step.
  int starts = 0;
  testing::ProgramResult result;
  do {
    result = pretrain(branch, "branch");
  } while (result.status == 75 && ++starts < kSteps);
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_EQ(starts, kSteps - 3 - 1);
  expect_same("branch", 3);
  // One that is stopped at once has the other run's checkpoint already.
  EXPECT_TRUE(
      fs::exists(folder_.file("branch/checkpoints/step_00000003.safetensors")));
}

TEST_F(Resume, AChangedConfigurationIsRefusedBeforeTheFirstCheckpointToo) {
  ASSERT_EQ(pretrain(arguments()).status, 0);
  fs::remove_all(folder_.file("run/checkpoints"));
  EXPECT_EQ(pretrain(arguments()).status, 2);  // its results would be lost
  fs::remove_all(folder_.file("run/export"));
  const auto changed = pretrain(arguments("run.seed=9"));
  EXPECT_EQ(changed.status, 2);
  EXPECT_THAT(changed.output, HasSubstr("run.seed: 3 -> 9"));
  EXPECT_EQ(pretrain(arguments()).status, 0);
}

TEST_F(Resume, OtherFilesAreRefused) {
  ASSERT_EQ(pretrain(arguments("run.time_limit=0.001"), "run").status, 75);
  testing::write_bytes(folder_.file("images.txt"), "b.png\na.png\n");
  const auto result = pretrain(arguments(), "run");
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.output, HasSubstr("data.images: the files are not those"));
}

TEST_F(Resume, ADamagedCheckpointIsPassedOver) {
  ASSERT_EQ(pretrain(arguments(), "whole").status, 0);
  fs::copy(folder_.file("whole"), folder_.file("copy"),
           fs::copy_options::recursive);
  for (int step = 6; step <= kSteps; ++step) {
    fs::resize_file(folder_.file("copy/checkpoints/step_0000000" +
                                 std::to_string(step) + ".safetensors"),
                    100 * step);
  }
  const auto result = pretrain(arguments(), "copy");
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("checkpoint passed over"));
  EXPECT_THAT(result.output, HasSubstr("going on from step 5"));
  expect_same("copy", 0);
}

TEST_F(Resume, LengthMayChangeWhereTheStepsStayTheSame) {
  const std::string constant =
      "run.epochs=20 schedule.warmup_epochs=0 schedule.final_weight_decay=0.04 "
      "schedule.final_momentum=0.996 schedule.freeze_last_layer_epochs=0 "
      "optimizer.lr=1.92e-4 data.batch_size_3d=2 schedule.final_lr=2e-6 ";
  ASSERT_EQ(pretrain(constant + "run.max_steps=4").status, 0);
  const auto result = pretrain(constant + "run.max_steps=6");
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_EQ(metrics().size(), 6u);
  EXPECT_EQ(pretrain(constant + "run.max_steps=5").status, 2);
}

TEST_F(Resume, NonFiniteStepsStopTheRunOrAreSkipped) {
  // Such a learning rate makes the second step of a kind overflow.
  const std::string diverging =
      "optimizer.lr=1e30 optimizer.clip=0 schedule.warmup_epochs=0 "
      "schedule.freeze_last_layer_epochs=0 run.max_steps=8 ";
  auto result = pretrain(diverging, "stop");
  EXPECT_EQ(result.status, 1) << result.output;
  EXPECT_THAT(result.output, HasSubstr("is not finite; its samples are in"));
  EXPECT_THAT(result.output, HasSubstr("run.on_nonfinite=skip"));
  const auto files = fs::directory_iterator(folder_.file("stop/nonfinite"));
  std::string record;
  for (const auto& file : files) {
    if (file.path().extension() == ".json") record = read_bytes(file.path());
  }
  const auto json = nlohmann::json::parse(record);
  EXPECT_EQ(json["samples"].size(), json["phase"] == "2d" ? 2u : 1u);
  EXPECT_THAT(json["samples"][0]["sample"].get<std::string>(),
              HasSubstr(json["phase"] == "2d" ? ".png" : ".nii.gz"));
  EXPECT_EQ(json["samples"][0]["views_are_finite"], true);

  result = pretrain(diverging + "run.on_nonfinite=skip", "skip");
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("the step is skipped"));
  EXPECT_THAT(result.output, HasSubstr("that were not finite"));
  bool skipped = false;
  for (const auto& step : metrics("skip")) {
    skipped = skipped || step.value("skipped", "") == "nonfinite";
  }
  EXPECT_TRUE(skipped);

  for (int start = 0; start < 2; ++start) {
    // The step that stops the run is not counted a second time.
    result = pretrain(diverging + "run.on_nonfinite=skip run.max_nonfinite=1",
                      "budget");
    EXPECT_EQ(result.status, 1) << result.output;
    EXPECT_THAT(result.output,
                HasSubstr("makes 2 such steps, run.max_nonfinite allows 1"));
  }
  EXPECT_THAT(read_bytes(folder_.file("budget/log.txt")),
              HasSubstr("error: step"));
}

TEST_F(Resume, ADryRunOfEveryShippedConfigurationTellsItsPlan) {
  std::string plans;
  std::set<fs::path> files;
  for (const auto& file :
       fs::directory_iterator(std::getenv("UNIMISS_CONFIGS"))) {
    files.insert(file.path());
  }
  for (const fs::path& file : files) {
    const std::string name = file.stem().string();
    const bool images = name != "volumes_only", volumes = name != "images_only";
    const auto result = testing::run_program(
        "unimiss-pretrain",
        "--dry-run --no-steps --config " + file.string() +
            (images ? " data.images=" + folder_.file("images.txt") : "") +
            (volumes ? " data.volumes=" + folder_.file("volumes.txt") : ""));
    EXPECT_EQ(result.status, 0) << name << "\n" << result.output;
    // What follows depends on the machine.
    plans += "== " + name + "\n" +
             result.output.substr(0, result.output.find("  time and memory "));
  }
  const std::string golden = testing::golden_file("dry_run.txt");
  if (std::getenv("UNIMISS_RECORD") != nullptr) {
    testing::write_bytes(golden, plans);
  }
  EXPECT_EQ(plans, read_bytes(golden))
      << "if that is right, run this test with UNIMISS_RECORD=1";
}

TEST_F(Resume, PrintsAndRehearsesWithoutWriting) {
  auto result = pretrain("--print-config");
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.output, HasSubstr("prototypes: 32"));
  // What is printed reruns the run.
  testing::write_bytes(folder_.file("printed.yaml"), result.output);
  EXPECT_EQ(testing::run_program(
                "unimiss-pretrain",
                "--config " + folder_.file("printed.yaml") + " --print-config")
                .output,
            result.output);
  result = pretrain("--dry-run run.precision=bf16");
  EXPECT_EQ(result.status, 0) << result.output;
  for (const char* told :
       {"projection head", " an epoch,", "peak learning rate",
        "center rule     per_step", "spacing         3 x 1 x 1 mm",
        "checkpoint ", "2d step         about", "whole run ", "free in",
        "cache           decoded files"}) {
    EXPECT_THAT(result.output, HasSubstr(told));
  }
  EXPECT_FALSE(fs::exists(folder_.file("run")));
  EXPECT_FALSE(fs::exists(folder_.file("cache")));
  EXPECT_EQ(pretrain("--dry-run data.images=none.txt").status, 2);
}

}  // namespace
}  // namespace unimiss
