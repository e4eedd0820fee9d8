#pragma once

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/toy_files.h"
#include "testing/files.h"
#include "testing/program.h"
#include "testing/temporary_directory.h"
#include "unimiss/io/image.h"
#include "unimiss/io/volume.h"
#include "unimiss/io/volume_writer.h"

namespace unimiss::testing {

/// A folder with two images, one volume, their lists and a toy configuration.
class ToyRun : public ::testing::Test {
 protected:
  ToyRun() {
    at::manual_seed(1);
    for (const char* name : {"a.png", "b.png"}) {
      io::write_png(folder_.file(name),
                    at::randint(256, {80, 90}, torch::kByte));
    }
    io::write_volume(
        folder_.file("c.nii.gz"),
        {at::randint(-1000, 1000, {24, 100, 110}).to(torch::kFloat),
         {3, 1, 1}});
    write_bytes(folder_.file("images.txt"), "a.png\nb.png\n");
    write_bytes(folder_.file("volumes.txt"), "c.nii.gz\n");
    write_bytes(folder_.file("toy.yaml"),
                R"(
run: {device: cpu, threads: 1, max_steps: 4, seed: 3}
model:
  image_size: 64
  volume_size: [16, 64, 64])" +
                    kToyNetwork +
                    R"(head: {hidden: 16, bottleneck: 8, prototypes: 32}
data: {batch_size_2d: 2, batch_size_3d: 1, workers: 1}
)");
  }

  ProgramResult pretrain(const std::string& arguments,
                         const std::string& output = "run") {
    return run_program("unimiss-pretrain",
                       "--config " + folder_.file("toy.yaml") + " --output " +
                           folder_.file(output) +
                           " data.images=" + folder_.file("images.txt") +
                           " data.volumes=" + folder_.file("volumes.txt") +
                           " " + arguments);
  }

  std::vector<nlohmann::json> metrics(const std::string& output = "run") {
    return json_lines(folder_.file(output + "/metrics.jsonl"));
  }

  TemporaryDirectory folder_;
};

}  // namespace unimiss::testing
