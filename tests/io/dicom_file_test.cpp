#include "io/dicom_file.h"

#include <gmock/gmock.h>

#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using unimiss::testing::golden_file;
using unimiss::testing::TemporaryDirectory;
using unimiss::testing::write_bytes;

TEST(DicomFile, IsToldByItsFirstBytesOrItsName) {
  const TemporaryDirectory folder;
  write_bytes(folder.file("plain"), std::string(128, '\0') + "DICM");
  write_bytes(folder.file("short"), "DICM");
  write_bytes(folder.file("named.dcm"), "x");
  write_bytes(folder.file("NAMED.DCM"), "x");
  EXPECT_TRUE(is_dicom_file(folder.file("plain")));
  EXPECT_TRUE(is_dicom_file(folder.file("named.dcm")));
  EXPECT_TRUE(is_dicom_file(folder.file("NAMED.DCM")));
  EXPECT_FALSE(is_dicom_file(folder.file("short")));
}

TEST(DicomFile, ASliceHasItsPlace) {
  const DicomImage slice = read_dicom_file(
      golden_file("io/series_axial/image_0.dcm"), DicomUse::kSlice);
  EXPECT_EQ(slice.samples, 1);
  EXPECT_EQ(slice.intensities.size(),
            static_cast<size_t>(slice.rows * slice.columns));
  EXPECT_TRUE(slice.position);
  EXPECT_TRUE(slice.orientation);
  EXPECT_TRUE(slice.pixel_spacing);
  EXPECT_FALSE(slice.series.empty());
}

TEST(DicomFile, WhatIsNoneIsAnErrorThatNamesIt) {
  const TemporaryDirectory folder;
  write_bytes(folder.file("a.dcm"), "text");
  for (const char* name : {"a.dcm", "missing.dcm"}) {
    EXPECT_THAT([&] { read_dicom_file(folder.file(name), DicomUse::kXray); },
                ThrowsMessage<DataError>(HasSubstr(name)));
  }
}

DicomImage row_of(std::vector<float> values) {
  DicomImage image;
  image.rows = 1;
  image.columns = static_cast<int64_t>(values.size());
  image.intensities = std::move(values);
  return image;
}

TEST(DicomFile, WithoutAWindowTheRangeCounts) {
  DicomImage image = row_of({-10, 0, 30});
  EXPECT_THAT(windowed(image), ElementsAre(0.0f, 0.25f, 1.0f));
  image.is_negative = true;
  EXPECT_THAT(windowed(image), ElementsAre(1.0f, 0.75f, 0.0f));
}

TEST(DicomFile, AWindowCutsOff) {
  DicomImage image = row_of({-100, 40, 100, 500});
  image.window = DicomImage::Window{100, 120, "LINEAR_EXACT"};
  EXPECT_THAT(windowed(image), ElementsAre(0.0f, 0.0f, 0.5f, 1.0f));
}

}  // namespace
}  // namespace unimiss::io
