// Files that other libraries wrote, and the values those libraries read
// (tests/golden/io, made by scripts/make_io_golden.py).
#include <gmock/gmock.h>

#include <string>

#include "testing/files.h"
#include "unimiss/io/image.h"
#include "unimiss/io/tensor_archive.h"
#include "unimiss/io/volume.h"

namespace unimiss::io {
namespace {

using unimiss::testing::golden_file;

bool is_image(const std::string& name) {
  return name.ends_with(".png") || name.ends_with(".jpg") ||
         name.ends_with(".dcm");
}

TEST(Golden, VolumesEqualWhatNibabelPydicomAndItkRead) {
  const auto expected = load_tensors(golden_file("io/expected.safetensors"));
  int volumes = 0;
  for (const auto& [name, voxels] : expected) {
    if (is_image(name) || name.ends_with(".spacing")) continue;
    const Volume read = read_volume(golden_file("io/" + name));
    ASSERT_EQ(read.voxels.sizes(), voxels.sizes()) << name;
    // Rescaled voxels are rounded once here and there: one part in 2^23.
    EXPECT_TRUE(read.voxels.allclose(voxels, 1.2e-7, 0)) << name;
    const auto spacing = expected.at(name + ".spacing");
    for (int axis = 0; axis < 3; ++axis) {
      EXPECT_NEAR(read.spacing[axis] / spacing[axis].item<double>(), 1, 1e-6)
          << name;
    }
    ++volumes;
  }
  EXPECT_EQ(volumes, 19);
}

TEST(Golden, ImagesEqualWhatPillowAndPydicomRead) {
  const auto expected = load_tensors(golden_file("io/expected.safetensors"));
  int images = 0;
  for (const auto& [name, pixels] : expected) {
    if (!is_image(name)) continue;
    auto read = read_pixels(golden_file("io/" + name)).to(torch::kFloat32);
    ASSERT_EQ(read.sizes(), pixels.sizes()) << name;
    double tolerance = 0;
    if (name.ends_with(".dcm")) {
      read = read / 65535;
      tolerance = 0.5 / 65535 + 1e-6;
    } else if (name.ends_with(".jpg")) {
      tolerance = 2;  // decoders round differently
    }
    EXPECT_LE((read - pixels).abs().max().item<double>(), tolerance) << name;
    ++images;
  }
  EXPECT_EQ(images, 16);
}

}  // namespace
}  // namespace unimiss::io
