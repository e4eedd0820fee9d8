#include "unimiss/train/file_fingerprint.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "testing/files.h"
#include "testing/temporary_directory.h"

namespace unimiss::train {
namespace {

using ::testing::StartsWith;

std::string fingerprint_of(const std::vector<std::string>& paths) {
  FileFingerprint fingerprint;
  for (const std::string& path : paths) fingerprint.add_file(path);
  return fingerprint.text();
}

TEST(FileFingerprint, StaysWhereADataSetMoves) {
  const testing::TemporaryDirectory folder;
  std::vector<std::vector<std::string>> places;
  for (const char* place : {"here/ct", "there/ct"}) {
    std::filesystem::create_directories(folder.file(place));
    places.emplace_back();
    for (const char* name : {"a.nii", "b.nii"}) {
      places.back().push_back(folder.file(std::string(place) + "/" + name));
      testing::write_bytes(places.back().back(), "bytes");
    }
  }
  const std::string before = fingerprint_of(places[0]);
  EXPECT_THAT(before, StartsWith("2 files, "));
  EXPECT_EQ(fingerprint_of(places[1]), before);

  EXPECT_NE(fingerprint_of({places[0][1], places[0][0]}), before);
  EXPECT_NE(fingerprint_of({places[0][0]}), before);
  testing::write_bytes(places[0][1], "more bytes");
  EXPECT_NE(fingerprint_of(places[0]), before);
}

TEST(FileFingerprint, HoldsTheFilesOfAFolderAndOtherText) {
  const testing::TemporaryDirectory folder;
  testing::write_bytes(folder.file("slice"), "1");
  const std::string series = folder.path().string();
  const std::string before = fingerprint_of({series});
  testing::write_bytes(folder.file("another"), "1");
  EXPECT_NE(fingerprint_of({series}), before);

  FileFingerprint one, other;
  one.add("weight 1");
  other.add("weight 2");
  EXPECT_NE(one.text(), other.text());
  EXPECT_THAT(one.text(), StartsWith("0 files, "));
}

}  // namespace
}  // namespace unimiss::train
