#include "unimiss/io/formats.h"

#include <gtest/gtest.h>

namespace unimiss::io {
namespace {

std::string_view ending_of(std::string_view name,
                           LetterCase letter_case = LetterCase::kAny) {
  const FileFormat* format = find_format(name, letter_case);
  return format == nullptr ? "" : format->ending;
}

TEST(Formats, TheLongestEndingCounts) {
  EXPECT_EQ(ending_of("a/b.nii.gz"), ".nii.gz");
  EXPECT_EQ(ending_of("a.b.nii"), ".nii");
  EXPECT_EQ(ending_of("a.nhdr"), ".nhdr");
  EXPECT_EQ(ending_of("a.nrrd.txt"), "");
  EXPECT_EQ(ending_of("png"), "");
}

TEST(Formats, NoEndingHidesALaterOne) {
  for (const FileFormat& format : kFileFormats) {
    EXPECT_EQ(find_format(std::string("x").append(format.ending)), &format)
        << format.ending;
  }
}

TEST(Formats, LettersMayBeOfAnyCase) {
  EXPECT_EQ(ending_of("A.NII.GZ"), ".nii.gz");
  EXPECT_EQ(ending_of("A.Jpg"), ".jpg");
  EXPECT_EQ(ending_of("A.NII.GZ", LetterCase::kExact), "");
  EXPECT_EQ(ending_of("A.nii.gz", LetterCase::kExact), ".nii.gz");
}

TEST(Formats, AreReadAsImagesOrVolumes) {
  EXPECT_TRUE(is_read_as("a.nhdr", 3));
  EXPECT_FALSE(is_read_as("a.nhdr", 2));
  EXPECT_TRUE(is_read_as("a.DCM", 2));
  EXPECT_FALSE(is_read_as("a.dcm", 3));
  EXPECT_FALSE(is_read_as("a.hdr", 3));
  EXPECT_FALSE(is_read_as("a.csv", 2));
}

TEST(Formats, HeadersMayNameTheirData) {
  EXPECT_TRUE(may_be_detached("a.mhd"));
  EXPECT_TRUE(may_be_detached("a.nhdr"));
  EXPECT_FALSE(may_be_detached("a.nrrd"));
  EXPECT_FALSE(may_be_detached("a.hdr"));
  EXPECT_FALSE(may_be_detached("a"));
}

TEST(Formats, ANameMayBeAllEnding) {
  EXPECT_EQ(without_ending("liver_1.nii.gz"), "liver_1");
  EXPECT_EQ(without_ending("Chest.PNG"), "Chest");
  EXPECT_EQ(without_ending("old.hdr"), "old");
  EXPECT_EQ(without_ending(".nii"), ".nii");
  EXPECT_EQ(without_ending("a.b"), "a.b");
}

/// What belongs to a file is written, and of its rank.
TEST(Formats, LabelMapsHaveAWrittenFormat) {
  for (const FileFormat& format : kFileFormats) {
    if (format.maps.empty()) continue;
    const FileFormat* maps = find_format(format.maps);
    ASSERT_NE(maps, nullptr) << format.ending;
    EXPECT_TRUE(maps->is_written()) << format.ending;
    EXPECT_EQ(maps->rank, format.rank) << format.ending;
  }
  EXPECT_EQ(endings_written(3), ".nii.gz, .nii, .mha, .nrrd");
  EXPECT_EQ(endings_written(2), ".png");
  EXPECT_EQ(endings_read(3), ".nii.gz, .nii, .mha, .mhd, .nrrd, .nhdr");
  EXPECT_EQ(endings_read(2), ".png, .jpg, .jpeg, .dcm");
}

}  // namespace
}  // namespace unimiss::io
