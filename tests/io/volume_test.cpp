#include "unimiss/io/volume.h"

#include <gmock/gmock.h>
#include <libdeflate.h>

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

namespace unimiss::io {
namespace {

using ::testing::HasSubstr;
using unimiss::testing::nifti_bytes;
using unimiss::testing::patched;
using unimiss::testing::read_bytes;
using unimiss::testing::TemporaryDirectory;
using unimiss::testing::volume_error;
using unimiss::testing::write_bytes;

Volume read_back(const std::string& bytes) {
  const TemporaryDirectory folder;
  write_bytes(folder.file("v.nii"), bytes);
  return read_volume(folder.file("v.nii"));
}

std::string gzip(const std::string& plain) {
  auto* compressor = libdeflate_alloc_compressor(6);
  std::string packed(libdeflate_gzip_compress_bound(compressor, plain.size()),
                     '\0');
  packed.resize(libdeflate_gzip_compress(compressor, plain.data(), plain.size(),
                                         packed.data(), packed.size()));
  libdeflate_free_compressor(compressor);
  return packed;
}

TEST(Volume, WhatIsWrittenIsReadBack) {
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

TEST(Volume, GoesBackToTheGridOfItsFile) {
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

TEST(Volume, TheHeaderOfANiftiFileSaysTheSameOfItsPlace) {
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

TEST(Volume, IsStoredAsTheTypeAskedFor) {
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

TEST(Volume, NothingIsLeftOfAFileThatCannotBeWritten) {
  const TemporaryDirectory folder;
  const Volume volume{torch::zeros({1, 1, 3}), {1, 1, 1}};
  EXPECT_THROW(write_volume(folder.file("v.hdr"), volume), DataError);
  EXPECT_THROW(write_volume(folder.file("no/v.nii.gz"), volume), DataError);
  std::filesystem::create_directories(folder.file("v.nii.gz/in_the_way"));
  EXPECT_THROW(write_volume(folder.file("v.nii.gz"), volume), DataError);
  std::filesystem::remove_all(folder.file("v.nii.gz"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.file("")));
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

TEST(Volume, WritingClampsToInt16) {
  const TemporaryDirectory folder;
  write_volume(folder.file("v.nii"),
               {torch::tensor({-1e6f, 1.6f, 1e6f}).view({1, 1, 3}), {1, 1, 1}});
  EXPECT_TRUE(read_volume(folder.file("v.nii"))
                  .voxels.flatten()
                  .equal(torch::tensor({-32768.0f, 2.0f, 32767.0f})));
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

TEST(Volume, SlopeAndInterceptAreApplied) {
  auto bytes = patched(nifti_bytes(3, 1, 1), 112, 0.5f);
  bytes = patched(bytes, 116, -100.0f);
  const Volume read = read_back(bytes);
  EXPECT_EQ(read.voxels.min().item<float>(), -100);
  EXPECT_EQ(read.voxels.max().item<float>(), -99);
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

TEST(Volume, TrailingSingletonIsSqueezed) {
  const auto bytes = patched(nifti_bytes(3, 4, 2), 40, int16_t{4});
  EXPECT_EQ(read_back(bytes).voxels.sizes(), (torch::IntArrayRef{2, 4, 3}));
}

TEST(Volume, DamagedGzipIsRefused) {
  const auto packed = gzip(nifti_bytes(20, 20, 20));
  const TemporaryDirectory folder;
  // Two members, as parallel compressors write them.
  const auto plain = nifti_bytes(20, 20, 20);
  write_bytes(folder.file("two.nii.gz"),
              gzip(plain.substr(0, 5000)) + gzip(plain.substr(5000)));
  EXPECT_EQ(read_volume(folder.file("two.nii.gz")).voxels.numel(), 8000);

  EXPECT_THAT(volume_error("v.nii.gz", packed.substr(0, packed.size() / 2)),
              HasSubstr("truncated or corrupt"));
  EXPECT_THAT(volume_error("v.nii.gz", packed.substr(0, packed.size() - 1)),
              HasSubstr("truncated or corrupt"));
  auto flipped = packed;
  flipped[packed.size() - 6] ^= 1;  // the stored checksum
  EXPECT_THAT(volume_error("v.nii.gz", flipped), HasSubstr("corrupt"));
  EXPECT_THAT(volume_error("v.nii.gz", nifti_bytes(2, 2, 2)),
              HasSubstr("not gzip data"));
  EXPECT_THAT(volume_error("v.nii.gz", ""), HasSubstr("empty"));
  write_bytes(folder.file("padded.nii.gz"), packed + std::string(512, 0));
  EXPECT_EQ(read_volume(folder.file("padded.nii.gz")).voxels.numel(), 8000);
  // Sixty-four MiB of zeros behind a header of 8,000 voxels.
  const auto bomb = gzip(nifti_bytes(20, 20, 20) + std::string(1 << 26, 0));
  EXPECT_LT(bomb.size(), 200000u);
  EXPECT_THAT(volume_error("v.nii.gz", bomb),
              HasSubstr("more than its header asks for"));
}

TEST(Volume, ContradictoryHeadersAreRefused) {
  const auto good = nifti_bytes(4, 4, 4);
  const auto with = [&](size_t at, auto value) {
    return volume_error("v.nii", patched(good, at, value));
  };
  EXPECT_THAT(volume_error("v.nii", good.substr(0, 100)), HasSubstr("348"));
  EXPECT_THAT(volume_error("v.nii", good.substr(0, good.size() - 1)),
              HasSubstr("fewer than the 128"));
  EXPECT_THAT(with(0, int32_t{347}), HasSubstr("not a NIfTI"));
  EXPECT_THAT(with(0, int32_t{540}), HasSubstr("NIfTI-2"));
  EXPECT_THAT(with(344, 'x'), HasSubstr("magic"));
  EXPECT_THAT(with(40, int16_t{9}), HasSubstr("dim[0]"));
  EXPECT_THAT(with(40, int16_t{2}), HasSubstr("expected one 3D volume"));
  EXPECT_THAT(with(42, int16_t{-4}), HasSubstr("not positive"));
  EXPECT_THAT(with(44, int16_t{0}), HasSubstr("not positive"));
  EXPECT_THAT(with(42, int16_t{32767}), HasSubstr("fewer"));
  EXPECT_THAT(with(70, int16_t{128}), HasSubstr("unsupported data type"));
  EXPECT_THAT(with(72, int16_t{8}), HasSubstr("16 bits"));
  EXPECT_THAT(with(80, 0.0f), HasSubstr("spacing"));
  EXPECT_THAT(with(84, std::nanf("")), HasSubstr("spacing"));
  EXPECT_THAT(with(108, 1e9f), HasSubstr("outside"));
  EXPECT_THAT(with(108, std::nanf("")), HasSubstr("outside"));
  const auto frames = patched(good, 40, int16_t{4});
  EXPECT_THAT(volume_error("v.nii", patched(frames, 48, int16_t{3})),
              HasSubstr("4x4x4x3"));
  EXPECT_THAT(volume_error("v.img", good), HasSubstr(".nii"));
}

TEST(Volume, ResampleKeepsTheExtentAndInterpolates) {
  const auto ramp = torch::arange(8, torch::kFloat32).view({1, 1, 8});
  const Volume volume{ramp.expand({4, 3, 8}).contiguous(), {3, 1, 2}};
  const Volume finer = resample(volume, {3, 1.005, 1});
  EXPECT_EQ(finer.voxels.sizes(), (torch::IntArrayRef{4, 3, 16}));
  EXPECT_EQ(finer.spacing, (std::array<double, 3>{3, 1, 1}));
  EXPECT_EQ(finer.origin, (std::array<double, 3>{-0.5, 0, 0}));
  // Voxel i of the result is centred at (i + 0.5) mm; the ramp is x / 2 - 0.5.
  const auto expected =
      (torch::arange(16, torch::kFloat32) * 0.5 - 0.25).clamp(0, 7);
  EXPECT_TRUE(finer.voxels[2][1].allclose(expected));
  const auto depth = torch::arange(4, torch::kFloat32).view({4, 1, 1});
  const Volume coarser =
      resample({depth.expand({4, 2, 2}).contiguous(), {1, 1, 1}}, {2, 1, 1});
  EXPECT_TRUE(coarser.voxels.select(1, 0).select(1, 1).allclose(
      torch::tensor({0.5f, 2.5f})));
  const Volume labels = resample(volume, {3, 1, 3}, Interpolation::kNearest);
  EXPECT_TRUE(labels.voxels[0][0].equal(
      torch::tensor({0., 2., 3., 5., 6.}).to(torch::kFloat32)));
  // 400 slices of 500 mm, whose plane shrinks a hundredfold: what lies between
  // would take 38 GiB if the slices were interpolated first.
  const Volume thick =
      resample({torch::zeros({400, 224, 224}), {500, 0.01, 0.01}}, {1, 1, 1});
  EXPECT_EQ(thick.voxels.sizes(), (torch::IntArrayRef{200000, 2, 2}));
  EXPECT_THROW(resample(volume, {1e-6, 1e-6, 1}), Error);
  EXPECT_THROW(resample(volume, {0, 1, 1}), Error);
}

TEST(Volume, ResampledVoxelsLieAtTheirSteps) {
  // z + 10 y^2 + 100 x^2, apart along each axis.
  const auto along = [](float unit, float power, int64_t n) {
    return unit * torch::arange(n).to(torch::kFloat).pow(power);
  };
  const std::array<torch::Tensor, 3> parts{along(1, 1, 4), along(10, 2, 7),
                                           along(100, 2, 5)};
  const auto sum = [](const std::array<torch::Tensor, 3>& axes) {
    return axes[0].view({-1, 1, 1}) + axes[1].view({-1, 1}) + axes[2];
  };
  const std::array<int64_t, 3> sizes{9, 3, 5};
  const std::array<double, 3> steps{0.4, 2.5, 1};
  for (const auto kind : {Interpolation::kLinear, Interpolation::kNearest}) {
    std::array<torch::Tensor, 3> wanted;
    for (int axis = 0; axis < 3; ++axis) {
      wanted[axis] = torch::empty({sizes[axis]});
      const int64_t last = parts[axis].size(0) - 1;
      for (int64_t i = 0; i < sizes[axis]; ++i) {
        double at = std::clamp((i + 0.5) * steps[axis] - 0.5, 0.0, 1.0 * last);
        if (kind == Interpolation::kNearest) at = std::floor(at + 0.5);
        const auto low = static_cast<int64_t>(at);
        const auto value = [&](int64_t voxel) {
          return parts[axis][std::min(voxel, last)].item<double>();
        };
        wanted[axis][i] =
            value(low) + (at - std::floor(at)) * (value(low + 1) - value(low));
      }
    }
    const auto voxels = sum(parts).contiguous();
    const auto found = resample_voxels(voxels, sizes, steps, kind);
    ASSERT_EQ(found.sizes(), at::IntArrayRef(sizes));
    EXPECT_LE((found - sum(wanted)).abs().max().item<double>(), 1e-3);
  }
  EXPECT_THROW(resample_voxels(torch::zeros({2, 2}), sizes, steps,
                               Interpolation::kLinear),
               c10::Error);
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
