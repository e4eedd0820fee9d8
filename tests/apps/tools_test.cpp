#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "testing/files.h"
#include "testing/program.h"
#include "testing/temporary_directory.h"
#include "unimiss/io/image.h"
#include "unimiss/io/volume.h"
#include "unimiss/io/volume_writer.h"

namespace unimiss {
namespace {

TEST(Tools, PrepareRendersRadiographsAndAList) {
  const testing::TemporaryDirectory folder;
  torch::Tensor voxels = at::full({20, 40, 40}, -1000.0f);
  voxels.slice(1, 10, 30).slice(2, 10, 30).fill_(40.0f);
  io::write_volume(folder.file("body.nii.gz"), {voxels, {3, 2, 2}});
  const auto result = testing::run_program(
      "unimiss-prepare", "radiograph --volume " + folder.file("body.nii.gz") +
                             " --output " + folder.file("films") +
                             " --count 3 --size 64");
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_EQ(testing::read_bytes(folder.file("films/list.txt")),
            "body_0000.png\nbody_0001.png\nbody_0002.png\n");
  const torch::Tensor film = io::read_image(folder.file("films/body_0000.png"));
  EXPECT_EQ(film.sizes(), (std::vector<int64_t>{1, 64, 64}));
  EXPECT_GT(film[0][32][32].item<float>(), film[0][1][1].item<float>());
}

TEST(Tools, PrepareNamesAVolumeThatCannotBeRead) {
  const testing::TemporaryDirectory folder;
  const auto result = testing::run_program(
      "unimiss-prepare", "radiograph --volume " + folder.file("none.nii") +
                             " --output " + folder.file("films"));
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.output.find("none.nii"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder.file("films/list.txt")));
}

TEST(Tools, AllTellTheirVersion) {
  for (const char* program :
       {"unimiss-bench", "unimiss-evaluate", "unimiss-finetune",
        "unimiss-predict", "unimiss-prepare", "unimiss-pretrain",
        "unimiss-table"}) {
    const auto result = testing::run_program(program, "--version");
    EXPECT_EQ(result.status, 0) << program;
    EXPECT_EQ(result.output.rfind("unimiss 0.", 0), 0u) << result.output;
  }
}

TEST(Tools, BenchMeasuresAStep) {
  const auto result = testing::run_program(
      "unimiss-bench",
      "step --model tiny --dims 2d --batch 1 --steps 1 --warmup 0 --threads 1 "
      "--prototypes 64 --json");
  ASSERT_EQ(result.status, 0) << result.output;
  const auto json = nlohmann::json::parse(result.output);
  EXPECT_GT(json["step_seconds"].get<double>(), 0);
  EXPECT_GT(json["effective_efficiency"].get<double>(), 0);
  EXPECT_GT(json["peak_memory_mb"].get<int64_t>(), 0);
  EXPECT_EQ(testing::run_program("unimiss-bench", "step --model huge").status,
            2);
}

TEST(Tools, BenchMeasuresPrediction) {
  const std::string call =
      "predict --volume 20,70,64 --patch 16,64,64 --classes 3 --rounds 1 "
      "--threads 1 --json";
  const auto result = testing::run_program("unimiss-bench", call);
  ASSERT_EQ(result.status, 0) << result.output;
  const auto json = nlohmann::json::parse(result.output);
  EXPECT_EQ(json["windows"], 4);
  EXPECT_GT(json["slab_by_slab"]["voxels_per_second"].get<double>(), 0);
  EXPECT_GT(json["patch_by_patch"]["peak_memory_mb"].get<int64_t>(), 0);
  // The two loops predict the same, but for scores that are almost equal.
  EXPECT_GT(json["same_labels"].get<double>(), 0.999);
  const auto small =
      testing::run_program("unimiss-bench", call + " --volume 15,70,64");
  EXPECT_EQ(small.status, 2) << small.output;
}

TEST(Tools, BenchMeasuresTheDataPath) {
  const testing::TemporaryDirectory folder;
  io::write_png(folder.file("a.png"), at::randint(256, {80, 90}, at::kByte));
  io::write_volume(
      folder.file("b.nii.gz"),
      {at::randint(-1000, 1000, {24, 100, 110}).to(at::kFloat), {3, 1, 1}});
  testing::write_bytes(folder.file("images.txt"), "a.png\n");
  testing::write_bytes(folder.file("volumes.txt"), "b.nii.gz\n");
  testing::write_bytes(folder.file("config.yaml"),
                       "data: {batch_size_2d: 2, batch_size_3d: 2}\n");
  const auto result = testing::run_program(
      "unimiss-bench", "data --seconds 0.2 --json --config " +
                           folder.file("config.yaml") +
                           " data.images=" + folder.file("images.txt") +
                           " data.volumes=" + folder.file("volumes.txt"));
  ASSERT_EQ(result.status, 0) << result.output;
  const auto json = nlohmann::json::parse(
      result.output.substr(result.output.find('{')));  // after the log
  for (const char* kind : {"images", "volumes"}) {
    EXPECT_EQ(json[kind]["cold_files"]["count"], 1);
    EXPECT_GT(json[kind]["cold_files"]["share"]["decode"].get<double>(), 0);
    EXPECT_GT(json[kind]["cached_samples"]["share"]["resample"].get<double>(),
              0);
    EXPECT_GT(json[kind]["workers_per_second"].get<double>(), 0);
  }
}

}  // namespace
}  // namespace unimiss
