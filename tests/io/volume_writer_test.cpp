#include "unimiss/io/volume_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "testing/files.h"
#include "testing/nifti_bytes.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"
#include "unimiss/io/volume.h"

namespace unimiss::io {
namespace {

using unimiss::testing::nifti_bytes;
using unimiss::testing::patched;
using unimiss::testing::read_bytes;
using unimiss::testing::TemporaryDirectory;
using unimiss::testing::write_bytes;

TEST(VolumeWriter, WhatIsWrittenIsReadBack) {
  const TemporaryDirectory folder;
  const double c = std::cos(0.3), s = std::sin(0.3);
  const Volume volume{torch::arange(2 * 3 * 4, torch::kFloat32).view({2, 3, 4}),
                      {3, 1.5, 0.5},
                      {-12, 30.5, 700},
                      {{{0, 0, 1}, {-s, c, 0}, {c, s, 0}}}};
  for (const auto* name : {"v.nii", "v.nii.gz"}) {
    write_volume(folder.file(name), volume);
    const Volume read = read_volume(folder.file(name));
    EXPECT_TRUE(read.voxels.equal(volume.voxels));
    EXPECT_EQ(read.spacing, volume.spacing);
    for (int i = 0; i < 3; ++i) {
      EXPECT_NEAR(read.origin[i], volume.origin[i], 1e-4);
      for (int axis = 0; axis < 3; ++axis) {
        EXPECT_NEAR(read.axes[axis][i], volume.axes[axis][i], 1e-5);
      }
    }
  }
}

/// All ways to store three axes: 6 orders, each axis in either direction, and
/// tilted against the patient.
std::vector<FileGrid> file_grids() {
  std::vector<FileGrid> grids;
  const double c = std::cos(0.2), s = std::sin(0.2);
  const std::array<std::array<double, 3>, 3> tilted{
      {{c, s, 0}, {-s, c, 0}, {0, 0, 1}}};
  std::array<int, 3> order{0, 1, 2};
  do {
    for (int signs = 0; signs < 8; ++signs) {
      FileGrid grid{{2, 3, 4}, {0.5, 1.5, 3}, {-12, 30.5, 700}};
      for (int axis = 0; axis < 3; ++axis) {
        for (int i = 0; i < 3; ++i) {
          grid.axes[axis][i] =
              tilted[order[axis]][i] * ((signs >> axis & 1) == 1 ? -1 : 1);
        }
      }
      grids.push_back(grid);
    }
  } while (std::next_permutation(order.begin(), order.end()));
  return grids;
}

TEST(VolumeWriter, GoesBackToTheGridOfItsFile) {
  const TemporaryDirectory folder;
  for (const char* name : {"v.nii", "v.nii.gz", "v.mha", "v.nrrd"}) {
    for (const FileGrid& grid : file_grids()) {
      // Its axes are those of the file, so that its voxels are, too.
      const torch::Tensor stored =
          torch::arange(24, torch::kShort).view({4, 3, 2});
      Volume written{stored, {3, 1.5, 0.5}, grid.origin};
      written.axes = {grid.axes[2], grid.axes[1], grid.axes[0]};
      written.file = grid;
      write_volume(folder.file(name), written);
      const Volume read = read_volume(folder.file(name));
      ASSERT_TRUE(read.file);
      EXPECT_EQ(read.file->size, grid.size);
      EXPECT_EQ(read.file->spacing, grid.spacing);
      for (int axis = 0; axis < 3; ++axis) {
        EXPECT_NEAR(read.file->origin[axis], grid.origin[axis], 1e-4);
        for (int i = 0; i < 3; ++i) {
          EXPECT_NEAR(read.file->axes[axis][i], grid.axes[axis][i], 1e-6);
        }
      }
      // There and back: the same bytes at the same places.
      write_volume(folder.file("again.nii"), read);
      written.voxels = stored.to(torch::kFloat);
      write_volume(folder.file("first.nii"), written);
      EXPECT_EQ(read_bytes(folder.file("again.nii")).substr(352),
                read_bytes(folder.file("first.nii")).substr(352));
    }
  }
}

/// pixdim, units, codes, quaternion and rows of the affine.
std::string place_of(const std::string& nifti) {
  return nifti.substr(76, 16) + nifti.substr(123, 1) + nifti.substr(252, 76);
}

TEST(VolumeWriter, TheHeaderOfANiftiFileSaysTheSameOfItsPlace) {
  const TemporaryDirectory folder;
  // Neither quaternion nor affine count; or both do, and differ.
  std::string plain = patched(nifti_bytes(2, 3, 4), 252, int16_t{0});
  plain = patched(plain, 254, int16_t{0});
  std::string both = patched(nifti_bytes(2, 3, 4), 252, int16_t{1});
  both = patched(both, 254, int16_t{4});
  const float affine[12] = {-2, 0, 0, 5, 0, 0, 2, 6, 0, -3, 0, 7};
  std::memcpy(&both[280], affine, sizeof(affine));
  for (const std::string& bytes : {plain, both}) {
    write_bytes(folder.file("v.nii"), bytes);
    const Volume read = read_volume(folder.file("v.nii"));
    write_volume(folder.file("again.nii"), read);
    const std::string again = read_bytes(folder.file("again.nii"));
    EXPECT_EQ(place_of(again), place_of(bytes));
    EXPECT_EQ(again.substr(352), bytes.substr(352));
  }
}

TEST(VolumeWriter, IsStoredAsTheTypeAskedFor) {
  const TemporaryDirectory folder;
  const Volume volume{torch::tensor({-3.5f, 0.25f, 400.0f}).view({1, 1, 3}),
                      {1, 1, 1}};
  const auto stored = [&](VoxelType type) {
    write_volume(folder.file("v.nii.gz"), volume, type);
    return read_volume(folder.file("v.nii.gz")).voxels.flatten();
  };
  EXPECT_TRUE(
      stored(VoxelType::kUInt8).equal(torch::tensor({0.0f, 0.0f, 255.0f})));
  EXPECT_TRUE(
      stored(VoxelType::kInt16).equal(torch::tensor({-4.0f, 0.0f, 400.0f})));
  EXPECT_TRUE(stored(VoxelType::kFloat32).equal(volume.voxels.flatten()));
}

TEST(VolumeWriter, NothingIsLeftOfAFileThatCannotBeWritten) {
  const TemporaryDirectory folder;
  const Volume volume{torch::zeros({1, 1, 3}), {1, 1, 1}};
  EXPECT_THROW(write_volume(folder.file("v.hdr"), volume), DataError);
  EXPECT_THROW(write_volume(folder.file("no/v.nii.gz"), volume), DataError);
  std::filesystem::create_directories(folder.file("v.nii.gz/in_the_way"));
  EXPECT_THROW(write_volume(folder.file("v.nii.gz"), volume), DataError);
  std::filesystem::remove_all(folder.file("v.nii.gz"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.file("")));
}

TEST(VolumeWriter, WritingClampsToInt16) {
  const TemporaryDirectory folder;
  write_volume(folder.file("v.nii"),
               {torch::tensor({-1e6f, 1.6f, 1e6f}).view({1, 1, 3}), {1, 1, 1}});
  EXPECT_TRUE(read_volume(folder.file("v.nii"))
                  .voxels.flatten()
                  .equal(torch::tensor({-32768.0f, 2.0f, 32767.0f})));
}

}  // namespace
}  // namespace unimiss::io
