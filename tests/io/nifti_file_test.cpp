#include "io/nifti_file.h"

#include <gmock/gmock.h>
#include <libdeflate.h>

#include <cmath>

#include "testing/files.h"
#include "testing/nifti_bytes.h"
#include "testing/temporary_directory.h"
#include "testing/volume_error.h"

namespace unimiss::io {
namespace {

using ::testing::HasSubstr;
using unimiss::testing::nifti_bytes;
using unimiss::testing::patched;
using unimiss::testing::TemporaryDirectory;
using unimiss::testing::volume_error;
using unimiss::testing::write_bytes;

Volume read_nifti(const std::string& bytes) {
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

TEST(NiftiFile, DamagedGzipIsRefused) {
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

TEST(NiftiFile, ContradictoryHeadersAreRefused) {
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

TEST(NiftiFile, TrailingSingletonIsSqueezed) {
  const auto bytes = patched(nifti_bytes(3, 4, 2), 40, int16_t{4});
  EXPECT_EQ(read_nifti(bytes).voxels.sizes(), (torch::IntArrayRef{2, 4, 3}));
}

TEST(NiftiFile, SlopeAndInterceptAreApplied) {
  auto bytes = patched(nifti_bytes(3, 1, 1), 112, 0.5f);
  bytes = patched(bytes, 116, -100.0f);
  const Volume read = read_nifti(bytes);
  EXPECT_EQ(read.voxels.min().item<float>(), -100);
  EXPECT_EQ(read.voxels.max().item<float>(), -99);
}

}  // namespace
}  // namespace unimiss::io
