#pragma once

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <string>

#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "testing/toy_network.h"
#include "unimiss/io/image.h"
#include "unimiss/io/volume.h"
#include "unimiss/io/volume_writer.h"
#include "unimiss/pretrain/config.h"

namespace unimiss::testing {

/// A folder with three images in two lists, a volume in a third, and a
/// configuration for them with a network of a few thousand weights.
class ToyPretrain : public ::testing::Test {
 protected:
  ToyPretrain() {
    at::manual_seed(1);
    for (const char* name : {"a.png", "b.png", "c.png"}) {
      io::write_png(file(name), at::randint(256, {80, 90}, torch::kByte));
    }
    io::write_volume(
        file("v.nii"),
        {at::randint(-1000, 1000, {24, 80, 90}).to(torch::kFloat), {3, 1, 1}});
    write_bytes(file("images.txt"), "a.png\nb.png\n");
    write_bytes(file("more.txt"), "c.png\n");
    write_bytes(file("volumes.txt"), "v.nii\n");

    config_.run.output = file("run");
    config_.run.device = DeviceChoice::kCpu;
    config_.run.max_steps = 6;
    config_.model = toy_mit();
    config_.head = toy_head();
    config_.data.images = {file("images.txt"), file("more.txt")};
    config_.data.volumes = {file("volumes.txt")};
    config_.data.samples_per_volume = 4;
    config_.data.batch_size_2d = 2;
    config_.data.batch_size_3d = 1;
    config_.data.workers = 1;
  }

  std::string file(const std::string& name) const { return folder_.file(name); }

  TemporaryDirectory folder_;
  pretrain::PretrainConfig config_;
};

}  // namespace unimiss::testing
