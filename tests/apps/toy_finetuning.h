#pragma once

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "apps/toy_files.h"
#include "testing/files.h"
#include "testing/program.h"
#include "testing/temporary_directory.h"
#include "unimiss/io/image.h"
#include "unimiss/io/volume.h"
#include "unimiss/io/volume_writer.h"

namespace unimiss::testing {

/// Labelled cases of every kind, small enough for seconds, in which what is
/// labelled is brighter than the rest, and a toy network to learn from them.
class ToyFinetuning : public ::testing::Test {
 protected:
  ToyFinetuning() {
    at::manual_seed(1);
    write_bytes(file("toy.yaml"), R"(
run: {device: cpu, threads: 1, epochs: 2, seed: 3}
init: {from_scratch: true}
model:
  dimensions: 3d
  image_size: 64
  volume_size: [16, 64, 64])" + kToyNetwork +
                                      R"(optimizer: {lr: 0.01}
data: {workers: 1}
validation: {average_decay: 0.5}
)");
  }

  std::string file(const std::string& name) const { return folder_.file(name); }

  static std::string joined(std::initializer_list<std::string_view> parts) {
    std::string text;
    for (const std::string_view part : parts) text += part;
    return text;
  }

  /// A box of half the extents at a random place: 1, elsewhere 0. Both halves
  /// of each axis have a part in it.
  static torch::Tensor box(const std::vector<int64_t>& size) {
    torch::Tensor map = at::zeros(size, torch::kByte);
    torch::Tensor inside = map;
    for (size_t axis = 0; axis < size.size(); ++axis) {
      const int64_t half = size[axis] / 2;
      inside = inside.narrow(static_cast<int64_t>(axis),
                             at::randint(1, half, {1}).item<int64_t>(), half);
    }
    inside.fill_(1);
    return map;
  }
  /// float32 noise, brighter by `step` times the map.
  static torch::Tensor image_of(const torch::Tensor& map, double step) {
    return 20 * at::rand(map.sizes()) + step * map.to(torch::kFloat);
  }

  void volume(const std::string& name, const torch::Tensor& voxels) const {
    io::write_volume(file(name), {voxels.to(torch::kFloat), {3, 1, 1.5}});
  }
  void image(const std::string& name, const torch::Tensor& pixels) const {
    io::write_png(file(name), pixels.to(torch::kByte));
  }

  /// Volumes [14, 60, 70] with a box of class 1 and, within it, one of class 2,
  /// and the lists NAME.txt with `count` of them each.
  void label_maps(const std::string& list, int count) const {
    std::string lines;
    for (int i = 0; i < count; ++i) {
      const std::string name = list + std::to_string(i);
      torch::Tensor map = box({14, 60, 70});
      map.slice(1, 0, 30).mul_(2);
      volume(name + ".nii.gz", image_of(map, 100));
      volume(name + "_label.nii.gz", map);
      lines += joined({name, ".nii.gz ", name, "_label.nii.gz\n"});
    }
    write_bytes(file(list + ".txt"), lines);
  }

  ProgramResult finetune(const std::string& arguments,
                         const std::string& output = "run",
                         const std::string& config = "toy.yaml") const {
    return run_program("unimiss-finetune", "--config " + file(config) +
                                               " --output " + file(output) +
                                               " " + arguments);
  }

  /// A pretraining of that network on two volumes of label_maps("train", n).
  ProgramResult pretrain(const std::string& output,
                         const std::string& more = "") const {
    write_bytes(file("volumes.txt"), "train0.nii.gz\ntrain1.nii.gz\n");
    write_bytes(file("pretrain.yaml"),
                R"(
run: {device: cpu, threads: 1, max_steps: 2}
model:
  dimensions: 3d
  volume_size: [16, 64, 64])" +
                    kToyNetwork +
                    R"(head: {hidden: 16, bottleneck: 8, prototypes: 32}
loss: {volume_slice: off}
data: {batch_size_2d: 2, batch_size_3d: 1, workers: 1}
)");
    return run_program("unimiss-pretrain",
                       "--config " + file("pretrain.yaml") + " --output " +
                           file(output) +
                           " data.volumes=" + file("volumes.txt") + more);
  }

  std::vector<nlohmann::json> metrics(const std::string& output = "run") const {
    return json_lines(file(output + "/metrics.jsonl"));
  }

  nlohmann::json json(const std::string& name) const {
    return nlohmann::json::parse(read_bytes(file(name)), nullptr, false);
  }

  bool exists(const std::string& name) const {
    return std::filesystem::exists(file(name));
  }

  TemporaryDirectory folder_;
};

}  // namespace unimiss::testing
