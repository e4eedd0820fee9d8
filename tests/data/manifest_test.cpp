#include "unimiss/data/manifest.h"

#include <gmock/gmock.h>

#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using unimiss::testing::TemporaryDirectory;
using unimiss::testing::write_bytes;

std::string error_of(const std::string& list) {
  try {
    read_manifest(list);
  } catch (const DataError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Manifest, TakesPathsRelativeToItsFolder) {
  const TemporaryDirectory folder;
  for (const auto* name : {"a.png", "b c.png"}) {
    write_bytes(folder.file(name), "x");
  }
  write_bytes(folder.file("list.txt"),
              "\xef\xbb\xbf"
              "a.png\r\n\r\n# a comment\r\n  b c.png \n" +
                  folder.file("a.png"));
  EXPECT_THAT(read_manifest(folder.file("list.txt")),
              ElementsAre(folder.file("a.png"), folder.file("b c.png"),
                          folder.file("a.png")));
}

TEST(Manifest, ReportsEveryMissingFileWithItsLine) {
  const TemporaryDirectory folder;
  write_bytes(folder.file("here.png"), "x");
  write_bytes(folder.file("list.txt"), "gone.png\nhere.png\n\nlost.png\n.\n");
  EXPECT_THAT(
      error_of(folder.file("list.txt")),
      AllOf(HasSubstr("list.txt"), HasSubstr("3 of 4"),
            HasSubstr("line 1: gone.png"), HasSubstr("line 4: lost.png"),
            HasSubstr("line 5: ."), Not(HasSubstr("line 2"))));
}

TEST(Manifest, RefusesAnEmptyOrMissingList) {
  const TemporaryDirectory folder;
  write_bytes(folder.file("list.txt"), "\n# nothing\n");
  EXPECT_THAT(error_of(folder.file("list.txt")), HasSubstr("names no file"));
  EXPECT_THAT(error_of(folder.file("no.txt")), HasSubstr("cannot be read"));
  EXPECT_THAT(error_of(folder.path().string()), HasSubstr("cannot be read"));
}

}  // namespace
}  // namespace unimiss::data
