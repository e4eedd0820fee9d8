#pragma once

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "testing/files.h"
#include "testing/program.h"
#include "testing/temporary_directory.h"
#include "unimiss/io/image.h"
#include "unimiss/io/volume.h"
#include "unimiss/io/volume_writer.h"

namespace unimiss::testing {

/// Where a box of 2x3x4 voxels begins, and which class it is.
struct ToyBox {
  int64_t row = 2;
  int64_t label = 1;
};

/// Folders p of predictions and r of references, of boxes.
class ToyEvaluation : public ::testing::Test {
 protected:
  ToyEvaluation() {
    for (const char* name : {"p", "r"}) {
      std::filesystem::create_directories(file(name));
    }
  }

  std::string file(const std::string& name) const { return folder_.file(name); }
  bool exists(const std::string& name) const {
    return std::filesystem::exists(file(name));
  }
  nlohmann::json made(const std::string& name = "summary.json") const {
    return nlohmann::json::parse(read_bytes(file(name)), nullptr, false);
  }

  /// 4x8x10 voxels of 3x2x1 mm, boxes of voxels 1 to 2, row to row + 2, 3 to 6.
  void volume(const std::string& name, const std::vector<ToyBox>& boxes,
              const std::function<void(io::Volume&)>& change = {}) const {
    torch::Tensor map = at::zeros({4, 8, 10});
    for (const ToyBox& box : boxes) {
      map.slice(0, 1, 3)
          .slice(1, box.row, box.row + 3)
          .slice(2, 3, 7)
          .fill_(box.label);
    }
    io::Volume written{map, {3, 2, 1}, {5, -7, 100}};
    if (change) change(written);
    std::filesystem::create_directories(
        std::filesystem::path(file(name)).parent_path());
    io::write_volume(file(name), written);
  }

  /// Two cases. a: class 1 is one row off, class 2 nowhere. b: class 1 as it
  /// should be, class 2 not predicted.
  void two_cases() const {
    volume("r/a.nii.gz", {{2, 1}});
    volume("p/a.nii.gz", {{3, 1}});
    volume("r/b.nii.gz", {{0, 1}, {4, 2}});
    volume("p/b.nii.gz", {{0, 1}});
  }

  ProgramResult evaluate(const std::string& options,
                         const std::string& output = "summary.json",
                         const std::string& predictions = "p",
                         const std::string& references = "r") const {
    return run_program("unimiss-evaluate",
                       "--resamples 200 --predictions " + file(predictions) +
                           " --references " + file(references) + " --output " +
                           file(output) + " " + options);
  }

  TemporaryDirectory folder_;
};

}  // namespace unimiss::testing
