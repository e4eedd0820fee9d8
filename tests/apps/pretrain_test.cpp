#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "apps/toy_run.h"
#include "testing/files.h"
#include "testing/program.h"
#include "unimiss/io/image.h"
#include "unimiss/io/tensor_archive.h"
#include "unimiss/io/volume.h"

namespace unimiss {
namespace {

namespace fs = std::filesystem;

using Pretrain = testing::ToyRun;

TEST_F(Pretrain, WritesItsWholeFolder) {
  const auto result = pretrain("");
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_NE(result.output.find("step 4/4"), std::string::npos);
  EXPECT_NE(result.output.find("entropy of the teacher"), std::string::npos);
  const auto records = metrics();
  ASSERT_EQ(records.size(), 4u);
  const std::vector<std::string> phases{"2d", "2d", "3d", "3d"};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(records[i]["step"], i + 1);
    EXPECT_EQ(records[i]["phase"], phases[i]);
    EXPECT_TRUE(records[i]["loss"].is_number());
    EXPECT_TRUE(records[i]["grad_norm"].is_number());
    EXPECT_TRUE(records[i]["queue_depth"].is_number_integer());
  }
  for (const char* term : {"loss/volume", "loss/slices_volume", "loss/slices",
                           "loss/volume_slices"}) {
    EXPECT_TRUE(records[3].contains(term)) << term;
  }
  const auto weights =
      io::load_tensors(folder_.file("run/export/student.safetensors"));
  EXPECT_TRUE(weights.contains("backbone.transformer.cls_tokens1"));
  for (const char* file :
       {"config.yaml", "log.txt", "progress.png", "export/teacher.safetensors",
        "checkpoints/step_00000004.safetensors"}) {
    EXPECT_TRUE(fs::file_size(folder_.file("run/") + file) > 0) << file;
  }
}

TEST_F(Pretrain, TheSameSeedGivesTheSameLossesForAnyNumberOfWorkers) {
  ASSERT_EQ(pretrain("data.workers=0", "one").status, 0);
  ASSERT_EQ(pretrain("data.workers=3", "two").status, 0);
  ASSERT_EQ(pretrain("run.seed=4", "three").status, 0);
  const auto one = metrics("one"), two = metrics("two"),
             three = metrics("three");
  for (size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i]["loss"], two[i]["loss"]) << i;
    EXPECT_NE(one[i]["loss"], three[i]["loss"]) << i;
  }
}

TEST_F(Pretrain, RealListsGiveTheSameLossesForAnyNumberOfWorkers) {
  const char* sample = std::getenv("UNIMISS_SAMPLE");
  if (sample == nullptr) GTEST_SKIP() << "UNIMISS_SAMPLE names no folder";
  const std::string lists =
      std::string("run.max_steps=12 data.batch_size_3d=3 data.images=") +
      sample + "/pretrain2d/list.txt data.volumes=" + sample +
      "/pretrain3d/list.txt data.workers=";
  ASSERT_EQ(pretrain(lists + "1", "one").status, 0);
  ASSERT_EQ(pretrain(lists + "4", "four").status, 0);
  const auto one = metrics("one"), four = metrics("four");
  ASSERT_EQ(one.size(), 12u);
  for (size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i]["loss"], four[i]["loss"]) << i;
  }
}

TEST_F(Pretrain, RunsThatStartTogetherShareACache) {
  std::array<int, 3> statuses{};
  std::vector<std::thread> runs;
  for (size_t i = 0; i < statuses.size(); ++i) {
    runs.emplace_back([&, i] {
      statuses[i] =
          pretrain("run.max_steps=4 data.cache=" + folder_.file("cache"),
                   "run" + std::to_string(i))
              .status;
    });
  }
  for (std::thread& run : runs) run.join();
  EXPECT_EQ(statuses, (std::array<int, 3>{}));
  int entries = 0;
  for (const auto& file :
       fs::recursive_directory_iterator(folder_.file("cache"))) {
    entries += file.path().extension() == ".nii" ? 1 : 0;
    EXPECT_NE(file.path().extension(), ".part");
  }
  EXPECT_EQ(entries, 3);
  EXPECT_EQ(metrics("run0")[3]["loss"], metrics("run2")[3]["loss"]);
}

TEST_F(Pretrain, TakesSeveralWeightedListsOfAnyFormat) {
  const std::string golden = testing::golden_file("io/");
  testing::write_bytes(folder_.file("xrays.txt"),
                       golden + "xray_mono1_window.dcm\n");
  testing::write_bytes(folder_.file("more.csv"),
                       "image,patient\n" + golden + "series_axial,p1\n" +
                           golden + "detached.mhd,p2\n");
  const std::string lists = "'data.images=[" + folder_.file("images.txt") +
                            ", " + folder_.file("xrays.txt") +
                            "]' 'data.volumes=[" + folder_.file("volumes.txt") +
                            ", " + folder_.file("more.csv") + "]'";
  const auto result =
      pretrain(lists + " data.image_weights=[1,2] data.volume_weights=[3,1]");
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_NE(result.output.find("3 images, 3 volumes"), std::string::npos);
  const auto wrong = pretrain(lists + " data.image_weights=[1]", "wrong");
  EXPECT_EQ(wrong.status, 2);
  EXPECT_NE(wrong.output.find("data.image_weights"), std::string::npos);
}

TEST_F(Pretrain, TheSavedConfigurationRerunsTheRun) {
  ASSERT_EQ(pretrain("").status, 0);
  const auto again = testing::run_program(
      "unimiss-pretrain", "--config " + folder_.file("run/config.yaml") +
                              " --output " + folder_.file("again"));
  ASSERT_EQ(again.status, 0) << again.output;
  EXPECT_EQ(metrics("run")[3]["loss"], metrics("again")[3]["loss"]);
}

TEST_F(Pretrain, EveryKindOfRunIsAConfiguration) {
  struct Kind {
    const char *name, *arguments, *phase;
  };
  for (const Kind& kind :
       {Kind{"images", "model.dimensions=2d 'data.volumes=\"\"'", "2d"},
        Kind{"volumes",
             "model.dimensions=3d loss.volume_slice=off 'data.images=\"\"'",
             "3d"},
        Kind{"no_slices", "loss.volume_slice=off", "3d"},
        Kind{"official", "loss.preset=official data.samples_per_volume=1",
             "3d"},
        Kind{"bf16", "run.precision=bf16", "3d"},
        Kind{"global", "optimizer.clip_rule=global", "3d"}}) {
    const auto result = pretrain(kind.arguments, kind.name);
    ASSERT_EQ(result.status, 0) << kind.name << "\n" << result.output;
    const auto last = metrics(kind.name).back();
    EXPECT_EQ(last["phase"], kind.phase) << kind.name;
    const std::string name = kind.name;
    EXPECT_EQ(last.contains("loss/slices"),
              name == "official" || name == "bf16" || name == "global")
        << name;
  }
}

TEST_F(Pretrain, NeverOverwritesARun) {
  ASSERT_EQ(pretrain("").status, 0);
  const auto before = testing::read_bytes(folder_.file("run/metrics.jsonl"));
  auto result = pretrain("--resume never");
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.output.find("holds a run already"), std::string::npos);
  result = pretrain("optimizer.lr=1 run.seed=4 data.workers=0");
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.output.find("optimizer.lr: 0.0008 -> 1"), std::string::npos);
  EXPECT_NE(result.output.find("run.seed: 3 -> 4"), std::string::npos);
  EXPECT_EQ(result.output.find("data.workers"), std::string::npos);
  // The same command finds it finished.
  result = pretrain("");
  EXPECT_EQ(result.status, 0);
  EXPECT_NE(result.output.find("Pretraining finished: 4 steps"),
            std::string::npos);
  EXPECT_EQ(testing::read_bytes(folder_.file("run/metrics.jsonl")), before);
}

TEST_F(Pretrain, NeverOverwritesWhatItDidNotWrite) {
  fs::create_directory(folder_.file("mine"));
  testing::write_bytes(folder_.file("mine/config.yaml"), "# mine\n");
  EXPECT_EQ(pretrain("", "mine").status, 2);
  EXPECT_EQ(testing::read_bytes(folder_.file("mine/config.yaml")), "# mine\n");
}

TEST_F(Pretrain, FoldersMayHaveAnyName) {
  const std::string name = "exp #1: [a]";
  const auto result = testing::run_program(
      "unimiss-pretrain", "--config " + folder_.file("toy.yaml") +
                              " --output '" + folder_.file(name) +
                              "' run.max_steps=1 'data.volumes=\"\"'"
                              " model.dimensions=2d data.images=" +
                              folder_.file("images.txt"));
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_TRUE(fs::exists(folder_.file(name + "/metrics.jsonl")));
}

TEST_F(Pretrain, EveryShippedConfigurationTrains) {
  // The toy sizes on top of the file, which keeps what makes it special.
  const std::string toy = testing::read_bytes(folder_.file("toy.yaml"));
  int count = 0;
  for (const auto& file :
       fs::directory_iterator(std::getenv("UNIMISS_CONFIGS"))) {
    const std::string name = file.path().stem().string();
    testing::write_bytes(folder_.file("extended.yaml"),
                         "extends: " + file.path().string() + "\n" + toy);
    const bool images = name != "volumes_only", volumes = name != "images_only";
    const auto result = testing::run_program(
        "unimiss-pretrain",
        "--config " + folder_.file("extended.yaml") + " --output " +
            folder_.file(name) +
            " data.samples_per_volume=1 run.precision=fp32" +
            (images ? " data.images=" + folder_.file("images.txt") : "") +
            (volumes ? " data.volumes=" + folder_.file("volumes.txt") : ""));
    EXPECT_EQ(result.status, 0) << name << "\n" << result.output;
    ++count;
  }
  EXPECT_GE(count, 7);
}

TEST_F(Pretrain, MistakesAreFoundBeforeAnythingIsWritten) {
  struct Mistake {
    const char *argument, *message;
    int status;
  };
  for (const Mistake& mistake :
       {Mistake{"optimzer.lr=1", "optimizer", 2},
        Mistake{"optimizer.lr=fast", "optimizer.lr", 2},
        Mistake{"loss.preset=best", "paper, official", 2},
        Mistake{"model.widths=[8,8]", "model.widths", 2},
        Mistake{"run.precision=fp16", "run.precision", 2},
        Mistake{"model.encoder_reductions=[16,4,2,1]",
                "model.encoder_reductions", 2},
        Mistake{"model.volume_size=[32,64,64]",
                "data.volume_transforms.common_depth", 2},
        Mistake{"run.max_steps=2", "first volume", 2},
        Mistake{"data.images=nowhere.txt", "data.images[0]: there is no file",
                2}}) {
    const auto result = pretrain(mistake.argument);
    EXPECT_EQ(result.status, mistake.status) << result.output;
    EXPECT_NE(result.output.find(mistake.message), std::string::npos)
        << result.output;
    EXPECT_FALSE(fs::exists(folder_.file("run"))) << mistake.argument;
  }
}

TEST_F(Pretrain, AllListsAreReadBeforeAnythingIsDecoded) {
  testing::write_bytes(folder_.file("images.txt"), "none.png\n");
  testing::write_bytes(folder_.file("volumes.txt"),
                       "c.nii.gz\nalso_none.nii\n");
  const auto result = pretrain("");
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.output.find("none.png does not exist"), std::string::npos);
  EXPECT_NE(result.output.find("line 2: also_none.nii"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder_.file("cache")));
}

TEST_F(Pretrain, ADamagedVolumeStopsTheRunWithItsName) {
  std::string bytes = testing::read_bytes(folder_.file("c.nii.gz"));
  bytes[bytes.size() / 2] ^= 0x10;
  testing::write_bytes(folder_.file("c.nii.gz"), bytes);
  const auto result = pretrain("");
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.output.find("c.nii.gz"), std::string::npos);
  // Damage of both kinds is told at once.
  testing::write_bytes(folder_.file("a.png"), "no image");
  EXPECT_NE(pretrain("").output.find("a.png: neither"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder_.file("run")));
}

TEST_F(Pretrain, DamagedFilesMayBeLeftOutAndAreListed) {
  testing::write_bytes(folder_.file("bad.png"), "no image");
  testing::write_bytes(folder_.file("images.txt"), "a.png\nbad.png\nb.png\n");
  EXPECT_EQ(pretrain("").status, 2);
  EXPECT_EQ(pretrain("data.on_error=skip").status, 2);
  const auto result = pretrain("data.on_error=skip data.max_bad=1");
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_NE(result.output.find("left out    1 files"), std::string::npos);
  EXPECT_NE(result.output.find("bad.png"), std::string::npos);
  // The log holds what came before the folder was made.
  EXPECT_NE(testing::read_bytes(folder_.file("run/log.txt")).find("left out: "),
            std::string::npos);
}

}  // namespace
}  // namespace unimiss
