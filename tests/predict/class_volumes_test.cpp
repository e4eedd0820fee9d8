#include "predict/class_volumes.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include "testing/temporary_directory.h"
#include "testing/toy_task.h"
#include "unimiss/io/image.h"

namespace unimiss::predict {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

task::TaskSpec spec_of(model::Dimensions dimensions) {
  task::TaskSpec spec = testing::toy_spec(augment::TargetKind::kLabelMap);
  spec.model.dimensions = dimensions;
  return spec;
}

const augment::Case kCase{"a", {"a.nii"}, {}, {}, ""};

TEST(ClassVolumes, AreFilesOfTheirClasses) {
  task::TaskSpec spec = spec_of(model::Dimensions::k3d);
  spec.classes[1] = "left lung";
  EXPECT_THAT(class_volume_files(spec, kCase),
              ElementsAre("background.nii", "left_lung.nii", "right.nii"));
}

TEST(ClassVolumes, OfAVolumeAreExact) {
  const testing::TemporaryDirectory folder;
  const torch::Tensor all = at::rand({4, 3, 5, 6});  // slice, class, ...
  ClassVolumes volumes(folder.file("out"), 3);
  for (int64_t z = 0; z < 4; ++z) volumes.add(all[z]);
  io::Volume grid;
  grid.voxels = at::empty({4, 5, 6});
  grid.spacing = {3, 1, 2};
  const auto files =
      volumes.write(spec_of(model::Dimensions::k3d), kCase, grid);
  ASSERT_THAT(files, SizeIs(3));
  for (int64_t k = 0; k < 3; ++k) {
    const io::Volume read = io::read_volume(files[k]);
    EXPECT_TRUE(read.voxels.equal(all.select(1, k))) << files[k];
    EXPECT_THAT(read.spacing, ElementsAre(3, 1, 2));
  }
}

TEST(ClassVolumes, OfAnImageHaveSixteenBits) {
  const testing::TemporaryDirectory folder;
  ClassVolumes volumes(folder.file("out"), 3);
  const torch::Tensor slice = at::rand({3, 5, 6});
  volumes.add(slice);
  io::Volume grid;
  grid.voxels = at::empty({1, 5, 6});
  const auto files =
      volumes.write(spec_of(model::Dimensions::k2d), kCase, grid);
  ASSERT_EQ(files.at(2), folder.file("out") + "/right.png");
  EXPECT_TRUE(at::allclose(io::read_image(files[2])[0], slice[2], 0, 1e-5));
}

TEST(ClassVolumes, OfOtherClassesAreABug) {
  const testing::TemporaryDirectory folder;
  ClassVolumes volumes(folder.file("out"), 2);
  EXPECT_THROW(volumes.add(at::rand({3, 5, 6})), c10::Error);
}

}  // namespace
}  // namespace unimiss::predict
