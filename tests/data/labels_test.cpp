#include "unimiss/data/labels.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <functional>

#include "testing/error_text.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"
#include "unimiss/io/image.h"

namespace unimiss::data {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using unimiss::testing::TemporaryDirectory;

std::string error_of(const std::function<void()>& read) {
  return unimiss::testing::error_text<DataError>([&] { read(); });
}

/// A volume of labels 0, 1, 2, ... 23, written to a file.
class Labels : public ::testing::Test {
 protected:
  Labels() { write(map_); }

  void write(const io::Volume& map) {
    io::write_volume(folder_.file("map.nii.gz"), map);
  }
  torch::Tensor read(int64_t classes) const {
    return read_label_volume(folder_.file("map.nii.gz"), map_, {classes});
  }
  std::string error(int64_t classes = 24) const {
    return error_of([&] { read(classes); });
  }

  TemporaryDirectory folder_;
  io::Volume map_{torch::arange(24, torch::kFloat32).view({2, 3, 4}),
                  {3, 1, 1.5},
                  {5, -7, 100}};
};

TEST_F(Labels, AreReadAsClasses) {
  EXPECT_TRUE(read(24).equal(map_.voxels.to(torch::kInt16)));
  EXPECT_THAT(error(23), AllOf(HasSubstr("map.nii.gz"), HasSubstr("label 23")));
}

TEST_F(Labels, MustLieWhereTheirImageDoes) {
  io::Volume other = map_;
  other.spacing[1] = 1.2;
  write(other);
  EXPECT_THAT(error(), HasSubstr("spacing"));
  other = map_;
  other.origin[2] += 2;
  write(other);
  EXPECT_THAT(error(), HasSubstr("origin"));
  other = map_;
  const double c = std::cos(0.2), s = std::sin(0.2);
  other.axes = {{{0, 0, 1}, {-s, c, 0}, {c, s, 0}}};
  write(other);
  EXPECT_THAT(error(), HasSubstr("direction"));
  other = map_;
  other.voxels = map_.voxels.slice(2, 0, 3);
  write(other);
  EXPECT_THAT(error(), AllOf(HasSubstr("2x3x4"), HasSubstr("2x3x3")));
}

TEST_F(Labels, FilesInAnotherOrientationAreTurned) {
  // The same map stored from left to right.
  io::Volume turned = map_;
  turned.voxels = map_.voxels.flip(2).contiguous();
  turned.axes[2] = {-1, 0, 0};
  turned.origin[0] += 3 * 1.5;
  write(turned);
  EXPECT_TRUE(read(24).equal(map_.voxels.to(torch::kInt16)));
}

TEST_F(Labels, MasksOfImages) {
  io::write_png(folder_.file("mask.png"),
                torch::arange(6).view({2, 3}).to(torch::kUInt8));
  const auto read = [&](int64_t height, int64_t classes) {
    return read_mask_image(folder_.file("mask.png"), height, 3, {classes});
  };
  EXPECT_EQ(read(2, 6)[1][2].item<int>(), 5);
  EXPECT_THAT(error_of([&] { read(2, 5); }), HasSubstr("label 5"));
  EXPECT_THAT(error_of([&] { read(3, 6); }),
              AllOf(HasSubstr("2x3"), HasSubstr("3x3")));
}

TEST_F(Labels, ValuesThatStandForClassesAndStructures) {
  io::write_png(folder_.file("mask.png"),
                at::tensor({0, 255, 0, 128}).view({2, 2}).to(torch::kUInt8));
  const auto read = [&](std::vector<int64_t> values) {
    const auto count = static_cast<int64_t>(values.size());
    return read_mask_image(folder_.file("mask.png"), 2, 2,
                           {count, std::move(values)});
  };
  EXPECT_TRUE(
      read({0, 128, 255})
          .equal(at::tensor({0, 2, 0, 1}).view({2, 2}).to(torch::kInt16)));
  EXPECT_THAT(error_of([&] { read({0, 255}); }), HasSubstr("label 128"));
  EXPECT_THAT(
      error_of([&] { read_structure_image(folder_.file("mask.png"), 2, 2); }),
      AllOf(HasSubstr("255 and 128"), HasSubstr("mask.png")));
  io::Volume structure = map_;
  structure.voxels = map_.voxels.gt(5).to(torch::kFloat) * 7;
  write(structure);
  EXPECT_TRUE(read_structure_volume(folder_.file("map.nii.gz"), map_)
                  .equal(map_.voxels.gt(5).to(torch::kInt16)));
}

TEST_F(Labels, FilesByThemselves) {
  const std::string path = folder_.file("map.nii.gz");
  const io::Volume file = read_label_file(path, 3);
  EXPECT_TRUE(file.voxels.equal(map_.voxels));
  EXPECT_EQ(file.spacing, map_.spacing);
  EXPECT_TRUE(label_classes(path, file.voxels, {24}).equal(read(24)));
  EXPECT_THAT(error_of([&] { label_classes(path, file.voxels, {23}); }),
              HasSubstr("label 23"));
  EXPECT_THAT(error_of([&] { structure_mask(path, file.voxels); }),
              HasSubstr("1 and 2"));
  io::write_png(folder_.file("mask.png"),
                torch::arange(6).view({2, 3}).to(torch::kUInt8));
  const io::Volume image = read_label_file(folder_.file("mask.png"), 2);
  EXPECT_EQ(image.voxels.sizes(), (std::vector<int64_t>{1, 2, 3}));
  EXPECT_EQ(image.voxels[0][1][2].item<float>(), 5);
  EXPECT_THAT(error_of([&] { check_geometry(path, image, file, "the other"); }),
              HasSubstr(", the other 1x2x3"));
}

/// The labels of the folder of damaged inputs, as its table wants them.
TEST_F(Labels, BrokenCollection) {
  const char* broken = std::getenv("UNIMISS_BROKEN");
  if (broken == nullptr) GTEST_SKIP() << "UNIMISS_BROKEN names no folder";
  const auto path = [&](const std::string& name) {
    return std::string(broken) + "/" + name;
  };
  const io::Volume image = io::read_volume(path("good_reference.nii.gz"));
  const auto error = [&](const std::string& name) {
    return error_of([&] { read_label_volume(path(name), image, {14}); });
  };
  EXPECT_EQ(error("label_empty.nii.gz"), "no error");
  EXPECT_THAT(error("label_wrong_shape.nii.gz"),
              AllOf(HasSubstr("24x48x64"), HasSubstr("24x48x61")));
  EXPECT_THAT(error("label_out_of_range.nii.gz"), HasSubstr("label 200"));
  EXPECT_THAT(error("label_negative.nii.gz"), HasSubstr("label -1"));
  EXPECT_THAT(error("label_fractional.nii.gz"), HasSubstr("label 0.5"));
  EXPECT_THAT(error("label_other_spacing.nii.gz"), HasSubstr("spacing"));
  EXPECT_THAT(error_of([&] {
                read_mask_image(path("mask_wrong_shape.png"), 160, 160, {256});
              }),
              HasSubstr("160x100"));
  const char* sample = std::getenv("UNIMISS_SAMPLE");
  if (sample == nullptr) return;
  const std::string demo = std::string(sample) + "/seg3d_ct_demo/";
  const io::Volume ct =
      io::read_volume(demo + "images/totalseg_dicom20.nii.gz");
  // Stored the other way round, and one voxel off: never silently used.
  EXPECT_THAT(error_of([&] {
                read_label_volume(path("label_flipped_affine.nii.gz"), ct,
                                  {256});
              }),
              HasSubstr("origin"));
  EXPECT_EQ(error_of([&] {
              read_label_volume(demo + "labels/totalseg_dicom20.nii.gz", ct,
                                {256});
            }),
            "no error");
}

}  // namespace
}  // namespace unimiss::data
