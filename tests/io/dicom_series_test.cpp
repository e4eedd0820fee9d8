#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "testing/volume_error.h"
#include "unimiss/core/error.h"
#include "unimiss/io/image.h"
#include "unimiss/io/volume.h"

namespace unimiss::io {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using unimiss::testing::golden_file;
using unimiss::testing::read_bytes;
using unimiss::testing::TemporaryDirectory;
using unimiss::testing::volume_error;
using unimiss::testing::write_bytes;

/// A copy of a series that may be tampered with.
class DicomSeries : public ::testing::Test {
 protected:
  DicomSeries() {
    fs::create_directory(folder());
    for (const auto& file :
         fs::directory_iterator(golden_file("io/series_axial"))) {
      fs::copy(file, folder());
    }
  }

  std::string folder() const { return temporary_.file("series"); }
  std::string file(const std::string& name) const {
    return folder() + "/" + name;
  }

  /// Replaces all occurrences in a file by text of equal length.
  static void patch(const std::string& path, const std::string& from,
                    const std::string& to) {
    ASSERT_EQ(from.size(), to.size());
    std::string bytes = read_bytes(path);
    size_t at = bytes.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    for (; at != std::string::npos; at = bytes.find(from, at + to.size())) {
      bytes.replace(at, to.size(), to);
    }
    write_bytes(path, bytes);
  }

  TemporaryDirectory temporary_;
};

TEST_F(DicomSeries, OtherFilesOfTheFolderAreLeftOut) {
  const Volume whole = read_volume(folder());
  write_bytes(file("LICENSE"), "free");
  write_bytes(file("DICOMDIR"), "");
  EXPECT_TRUE(read_volume(folder()).voxels.equal(whole.voxels));
}

TEST_F(DicomSeries, MissingAndRepeatedSlicesAreNamed) {
  const Volume whole = read_volume(folder());
  ASSERT_EQ(whole.voxels.size(0), 6);
  fs::copy(file("image_0.dcm"), file("again.dcm"));
  EXPECT_THAT(volume_error(folder()), HasSubstr("a repeated slice"));
  fs::remove(file("again.dcm"));
  int refused = 0;
  for (int i = 0; i < 6; ++i) {
    const std::string name = file("image_" + std::to_string(i) + ".dcm");
    fs::rename(name, temporary_.file("away"));
    const std::string error = volume_error(folder());
    // Without its first or last slice a series is merely shorter.
    if (error != "no error") {
      EXPECT_THAT(error, HasSubstr("a missing slice"));
      ++refused;
    }
    fs::rename(temporary_.file("away"), name);
  }
  EXPECT_EQ(refused, 4);
}

TEST_F(DicomSeries, SeveralScansInOneSeriesAreRefused) {
  for (int i = 0; i < 6; ++i) {
    fs::copy(file("image_" + std::to_string(i) + ".dcm"),
             file("again_" + std::to_string(i) + ".dcm"));
  }
  EXPECT_THAT(volume_error(folder()), HasSubstr("several scans in one series"));
}

TEST_F(DicomSeries, ATruncatedSliceIsNamed) {
  const std::string bytes = read_bytes(file("image_3.dcm"));
  for (const size_t size : {bytes.size() - 2, bytes.size() / 2, size_t{200}}) {
    write_bytes(file("image_3.dcm"), bytes.substr(0, size));
    EXPECT_THAT(volume_error(folder()), HasSubstr("image_3.dcm")) << size;
  }
}

TEST_F(DicomSeries, SeveralSeriesAreRefused) {
  for (const auto& file :
       fs::directory_iterator(golden_file("io/series_sagittal"))) {
    fs::copy(file, folder() + "/other_" + file.path().filename().string());
  }
  EXPECT_THAT(volume_error(folder()), HasSubstr("holds 2 series"));
}

TEST_F(DicomSeries, AFolderWithoutSlicesIsRefused) {
  fs::create_directory(temporary_.file("empty"));
  EXPECT_THAT(volume_error(temporary_.file("empty")),
              HasSubstr("no DICOM slices"));
  EXPECT_THAT(volume_error(file("image_0.dcm")), HasSubstr("name the folder"));
}

TEST_F(DicomSeries, SpacingMustBeUsable) {
  patch(file("image_2.dcm"), "0.9\\0.7", "0.0\\0.0");
  EXPECT_THAT(volume_error(folder()), HasSubstr("PixelSpacing"));
  patch(file("image_2.dcm"), "0.0\\0.0", "x.9\\0.7");
  EXPECT_THAT(volume_error(folder()), HasSubstr("not numbers"));
}

/// A folder of damaged and unusual files with a README that says what each is.
TEST_F(DicomSeries, BrokenCollection) {
  const char* broken = std::getenv("UNIMISS_BROKEN");
  if (!broken) GTEST_SKIP() << "UNIMISS_BROKEN names no folder";
  const auto alone = [&](const std::string& name) {
    fs::remove_all(folder());
    fs::create_directory(folder());
    fs::copy(std::string(broken) + "/" + name, folder());
    return folder();
  };
  for (const auto* name : {"good_ct.dcm", "rescale.dcm", "no_preamble.dcm"}) {
    const Volume read = read_volume(alone(name));
    EXPECT_TRUE(read.voxels.isfinite().all().item<bool>()) << name;
    EXPECT_LT(read.voxels.min().item<float>(), -500) << name;
  }
  for (const auto* name : {"missing_spacing.dcm", "zero_spacing.dcm",
                           "rows_mismatch.dcm", "truncated.dcm"}) {
    EXPECT_THAT(volume_error(alone(name)), HasSubstr(name));
  }
  EXPECT_THAT(volume_error(alone("rgb.dcm")), HasSubstr("no DICOM slices"));
  const auto path = [&](const std::string& name) {
    return std::string(broken) + "/" + name;
  };
  // The same values, which MONOCHROME1 makes a negative.
  const auto upright = read_pixels(path("good_ct.dcm")).to(torch::kFloat32);
  const auto inverted =
      read_pixels(path("monochrome1.dcm")).to(torch::kFloat32);
  EXPECT_GT(upright.std().item<float>(), 1000);
  const auto both =
      torch::stack({upright.flatten(), inverted.flatten()}).corrcoef();
  EXPECT_LT(both[0][1].item<float>(), -0.99f);
  EXPECT_THROW(read_pixels(path("rgb.dcm")), DataError);
  EXPECT_THROW(read_pixels(path("truncated.dcm")), DataError);
}

}  // namespace
}  // namespace unimiss::io
