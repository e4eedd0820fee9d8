#pragma once

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <string>

#include "finetune/toy_finetune.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/io/image.h"

namespace unimiss::testing {

/// A folder with ten images and their label maps in three lists, and the
/// configuration of a segmentation of them.
class ToyCases : public ::testing::Test {
 protected:
  ToyCases() {
    at::manual_seed(1);
    list("train", 6);
    list("val", 2);
    list("test", 2);
    config_.run.output = file("run");
    config_.run.device = DeviceChoice::kCpu;
    config_.run.epochs = 2;
    config_.data.train = {file("train.txt")};
    config_.data.validation_lists = {file("val.txt")};
    config_.data.test = {file("test.txt")};
    config_.data.size = {64, 64};
    config_.data.workers = 1;
  }

  /// NAME.txt, of `count` cases.
  void list(const std::string& name, int count) const {
    std::string lines;
    for (int i = 0; i < count; ++i) {
      const std::string stem = name + std::to_string(i);
      const std::string image = stem + ".png", mask = stem + "_mask.png";
      io::write_png(file(image), at::randint(256, {70, 80}, torch::kByte));
      io::write_png(file(mask), at::randint(3, {70, 80}, torch::kByte));
      lines.append(image).append(" ").append(mask).append("\n");
    }
    write_bytes(file(name + ".txt"), lines);
  }

  std::string file(const std::string& name) const { return folder_.file(name); }

  TemporaryDirectory folder_;
  finetune::FinetuneConfig config_ =
      toy_finetune(augment::TargetKind::kLabelMap);
};

}  // namespace unimiss::testing
