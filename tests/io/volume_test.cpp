#include "unimiss/io/volume.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/nifti_bytes.h"
#include "testing/temporary_directory.h"
#include "testing/volume_error.h"
#include "unimiss/core/error.h"
#include "unimiss/io/resample.h"
#include "unimiss/io/volume_writer.h"

namespace unimiss::io {
namespace {

using ::testing::HasSubstr;
using unimiss::testing::nifti_bytes;
using unimiss::testing::patched;
using unimiss::testing::TemporaryDirectory;
using unimiss::testing::volume_error;
using unimiss::testing::write_bytes;

Volume read_back(const std::string& bytes) {
  const TemporaryDirectory folder;
  write_bytes(folder.file("v.nii"), bytes);
  return read_volume(folder.file("v.nii"));
}

TEST(Volume, AxesNear45DegreesAreReadInTheirBestOrder) {
  const TemporaryDirectory folder;
  for (const double first : {0.0, 20.0, 45.0, 70.0, 90.0}) {
    // rot(1, first) rot(2, -45): the closest axis of two directions is the
    // same.
    const double a = first * M_PI / 180, c = std::sqrt(0.5);
    const std::array<std::array<double, 3>, 3> axes{
        {{std::cos(a) * c, -c, -std::sin(a) * c},
         {std::cos(a) * c, c, -std::sin(a) * c},
         {std::sin(a), 0, std::cos(a)}}};
    FileGrid grid{{2, 3, 4}, {1, 1, 1}, {0, 0, 0}, axes};
    Volume written{torch::arange(24, torch::kShort).view({4, 3, 2}), {1, 1, 1}};
    written.axes = {axes[2], axes[1], axes[0]};
    written.file = grid;
    write_volume(folder.file("v.nrrd"), written);
    const Volume read = read_volume(folder.file("v.nrrd"));
    EXPECT_EQ(read.voxels.numel(), 24);
    write_volume(folder.file("again.nrrd"), read);
    const Volume again = read_volume(folder.file("again.nrrd"));
    EXPECT_TRUE(again.voxels.equal(read.voxels));
    for (int axis = 0; axis < 3; ++axis) {
      for (int i = 0; i < 3; ++i) {
        EXPECT_NEAR(again.file->axes[axis][i], axes[axis][i], 1e-12);
      }
    }
    // Each axis is another one, none against its direction.
    for (int to = 0; to < 3; ++to) {
      EXPECT_GE(read.axes[to][2 - to], 0) << first;
    }
  }
}

TEST(Volume, LabelsAreWholeNumbers) {
  const TemporaryDirectory folder;
  write_bytes(folder.file("v.nii"), patched(nifti_bytes(3, 1, 1), 112, 0.5f));
  EXPECT_NO_THROW(read_volume(folder.file("v.nii")));
  EXPECT_THAT(unimiss::testing::error_text<DataError>([&] {
                read_volume(folder.file("v.nii"), VoxelKind::kLabels);
              }),
              HasSubstr("label 0.5"));
  write_bytes(folder.file("v.nii"), nifti_bytes(3, 1, 1));
  EXPECT_NO_THROW(read_volume(folder.file("v.nii"), VoxelKind::kLabels));
}

TEST(Volume, AxesAreReorientedFromTheAffine) {
  // Rows of an sform map file axes (i, j, k) to right, anterior, superior:
  // here i runs to superior, j to posterior, k to the left.
  std::string bytes = nifti_bytes(2, 3, 4);
  bytes = patched(bytes, 254, int16_t{1});
  const float affine[12] = {0, 0, -2, 0, 0, -2, 0, 0, 2, 0, 0, 0};
  std::memcpy(&bytes[280], affine, sizeof(affine));
  const Volume read = read_back(bytes);
  // Stored k-major; canonical D is i, H is j, W (towards the left) is k.
  const auto expected =
      torch::arange(24, torch::kFloat32).view({4, 3, 2}).permute({2, 1, 0});
  EXPECT_TRUE(read.voxels.equal(expected));
}

TEST(Volume, NonFiniteVoxelsBecomeTheMinimum) {
  auto bytes = nifti_bytes(2, 2, 1);
  bytes = patched(bytes, 70, int16_t{16});
  bytes = patched(bytes, 72, int16_t{32});
  const float infinity = std::numeric_limits<float>::infinity();
  const float values[4] = {-5, std::nanf(""), infinity, 7};
  bytes.resize(352);
  bytes.append(reinterpret_cast<const char*>(values), sizeof(values));
  EXPECT_EQ(read_back(bytes).voxels.sum().item<float>(), -5 * 3 + 7);
  for (int i = 0; i < 4; ++i) bytes = patched(bytes, 352 + 4 * i, infinity);
  EXPECT_THAT(volume_error("v.nii", bytes), HasSubstr("no voxel is a finite"));
}

/// A folder of damaged and unusual files with a README that says what each is.
TEST(Volume, BrokenCollection) {
  const char* folder = std::getenv("UNIMISS_BROKEN");
  if (!folder) GTEST_SKIP() << "UNIMISS_BROKEN names no folder";
  const auto path = [&](const std::string& name) {
    return std::string(folder) + "/" + name;
  };
  const Volume good = read_volume(path("good_reference.nii.gz"));
  EXPECT_EQ(good.voxels.sizes(), (torch::IntArrayRef{24, 48, 64}));
  for (const auto* name :
       {"lps_orientation.nii.gz", "axes_permuted.nii.gz", "big_endian.nii.gz",
        "4d_singleton.nii.gz", "scl_slope_nan.nii.gz"}) {
    const Volume same = read_volume(path(name));
    EXPECT_TRUE(same.voxels.equal(good.voxels)) << name;
  }
  EXPECT_TRUE(read_volume(path("scl_slope.nii.gz"))
                  .voxels.allclose(good.voxels * 0.5 - 100));
  for (const auto* name :
       {"no_qform_sform.nii.gz", "oblique_25deg.nii.gz", "constant.nii.gz",
        "float64.nii.gz", "uint8.nii.gz", "nan_inf_voxels.nii.gz",
        "tiny_4x4x2.nii.gz", "extreme_anisotropy.nii.gz"}) {
    const Volume read = read_volume(path(name));
    EXPECT_TRUE(read.voxels.isfinite().all().item<bool>()) << name;
  }
  const Volume thick = read_volume(path("extreme_anisotropy.nii.gz"));
  const Volume cubes = resample(thick, {1, 1, 1});
  EXPECT_LT(cubes.voxels.numel(), int64_t{1} << 28);
  for (double spacing : read_volume(path("oblique_25deg.nii.gz")).spacing) {
    EXPECT_NEAR(spacing, 3, 1e-4);
  }
  for (const auto* name : {"truncated_gz.nii.gz",
                           "truncated_voxels.nii",
                           "truncated_header.nii.gz",
                           "gzip_crc_corrupt.nii.gz",
                           "zero_byte.nii.gz",
                           "text_renamed.nii.gz",
                           "huge_dims_tiny_file.nii.gz",
                           "negative_dim.nii.gz",
                           "zero_dim.nii.gz",
                           "ndim9.nii.gz",
                           "bad_magic.nii.gz",
                           "zero_spacing.nii.gz",
                           "nan_spacing.nii.gz",
                           "negative_spacing.nii.gz",
                           "float128_dtype.nii.gz",
                           "unknown_dtype.nii.gz",
                           "vox_offset_huge.nii.gz",
                           "all_nan.nii.gz",
                           "4d_three_frames.nii.gz",
                           "2d_slice.nii.gz",
                           "nifti2.nii.gz",
                           "pair.hdr",
                           "rgb24.nii.gz",
                           "does_not_exist.nii.gz"}) {
    EXPECT_THAT(unimiss::testing::error_text<DataError>(
                    [&] { read_volume(path(name)); }),
                HasSubstr(name));
  }
}

}  // namespace
}  // namespace unimiss::io
