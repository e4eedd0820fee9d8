#include "unimiss/data/manifest.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"
#include "unimiss/io/image.h"
#include "unimiss/io/volume.h"

namespace unimiss::data {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using unimiss::testing::TemporaryDirectory;
using unimiss::testing::write_bytes;

std::string error_of(const std::string& list,
                     const ManifestOptions& options = {}) {
  return unimiss::testing::error_text<DataError>(
      [&] { read_manifest(list, options); });
}

class Manifest : public ::testing::Test {
 protected:
  Manifest() {
    for (const char* name : {"a.png", "b c.png", "m.png"}) {
      write_bytes(folder_.file(name), "x");
    }
  }
  std::string list(const std::string& text) {
    write_bytes(folder_.file("list.txt"), text);
    return folder_.file("list.txt");
  }

  TemporaryDirectory folder_;
  ManifestOptions labels_{
      .target = ManifestTarget::kLabel, .classes = 3, .split = {}};
  ManifestOptions masks_{.target = ManifestTarget::kMask, .split = {}};
};

TEST_F(Manifest, TakesPathsRelativeToItsFolder) {
  const auto path = list(
      "\xef\xbb\xbf"
      "a.png\r\n\r\n# a comment\r\n  b c.png \n" +
      folder_.file("a.png"));
  EXPECT_THAT(paths_of(read_manifest(path)),
              ElementsAre(folder_.file("a.png"), folder_.file("b c.png"),
                          folder_.file("a.png")));
}

TEST_F(Manifest, ReportsEveryMissingFileWithItsLine) {
  EXPECT_THAT(
      error_of(list("gone.png\na.png\n\nlost.png\n.\n")),
      AllOf(HasSubstr("list.txt"), HasSubstr("3 of its lines"),
            HasSubstr("line 1: gone.png"), HasSubstr("line 4: lost.png"),
            HasSubstr("line 5: ."), Not(HasSubstr("line 2"))));
}

TEST_F(Manifest, RefusesAnEmptyOrMissingList) {
  EXPECT_THAT(error_of(list("\n# nothing\n")), HasSubstr("names no file"));
  EXPECT_THAT(error_of(folder_.file("no.txt")), HasSubstr("cannot be read"));
  EXPECT_THAT(error_of(folder_.path().string()), HasSubstr("cannot be read"));
}

TEST_F(Manifest, SplitsLabelsAtTheLastBlank) {
  const auto entries = read_manifest(list("a.png 2\nb c.png\t0\n"), labels_);
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_THAT(entries[0].labels, ElementsAre(2));
  EXPECT_THAT(entries[1].images, ElementsAre(folder_.file("b c.png")));
  EXPECT_THAT(entries[1].labels, ElementsAre(0));
  EXPECT_EQ(entries[1].line, 2);
}

TEST_F(Manifest, ReportsEveryBadLabelWithItsLine) {
  EXPECT_THAT(
      error_of(list("a.png one\na.png 1\nb c.png 3\nm.png -1\nm.png\ngone 1\n"
                    "m.png 1x\nm.png 99999999999999999999\n"),
               labels_),
      AllOf(HasSubstr("7 of its lines"),
            HasSubstr("line 1: the label of a.png "
                      "is 'one'"),
            HasSubstr("line 3: the label of b c.png is '3', not a whole number "
                      "from 0 to 2"),
            HasSubstr("line 4:"), HasSubstr("line 5: 'm.png' has no label"),
            HasSubstr("line 6: gone does not exist"), HasSubstr("line 7:"),
            HasSubstr("line 8:"), Not(HasSubstr("line 2:"))));
}

TEST_F(Manifest, ShowsTwentyProblemsAndCountsTheRest) {
  std::string text;
  for (int i = 0; i < 25; ++i) text += "gone.png\n";
  EXPECT_THAT(error_of(list(text)),
              AllOf(HasSubstr("25 of its lines"), HasSubstr("line 20:"),
                    Not(HasSubstr("line 21:")), HasSubstr("and 5 more")));
}

TEST_F(Manifest, TellsWhenALabeledListIsNotExpected) {
  EXPECT_THAT(error_of(list("a.png 1\n")),
              HasSubstr("'a.png' does: a list of paths alone"));
}

TEST_F(Manifest, FindsMasks) {
  const auto entries = read_manifest(list("b c.png m.png\n"), masks_);
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_THAT(entries[0].masks, ElementsAre(folder_.file("m.png")));
  EXPECT_THAT(error_of(list("a.png gone.png\n"), masks_),
              HasSubstr("line 1: the mask of a.png, 'gone.png', does not"));
}

TEST_F(Manifest, LeavesOutWhatContradictsAnEarlierLine) {
  const auto entries =
      read_manifest(list("a.png 0\na.png 1\nm.png 1\na.png 0\n"), labels_);
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_THAT(entries[0].labels, ElementsAre(0));
  EXPECT_THAT(entries[1].images, ElementsAre(folder_.file("m.png")));
  EXPECT_EQ(entries[2].line, 4);
}

TEST_F(Manifest, ReadsCsvByItsHeader) {
  const auto path = list(
      "patient,image,label,split,age\r\n"
      "p1,\"b c.png\",1,train,40\r\n# a comment\r\n"
      "\"p\"\"2\",a.png,2,test,\r\n");
  const auto entries = read_manifest(path, labels_);
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_THAT(entries[0].images, ElementsAre(folder_.file("b c.png")));
  EXPECT_EQ(entries[0].patient, "p1");
  EXPECT_EQ(entries[0].split, "train");
  EXPECT_EQ(entries[1].patient, "p\"2");
  EXPECT_THAT(entries[1].labels, ElementsAre(2));
  labels_.split = "test";
  EXPECT_THAT(paths_of(read_manifest(path, labels_)),
              ElementsAre(folder_.file("a.png")));
  labels_.split = "val";
  EXPECT_THAT(error_of(path, labels_), HasSubstr("no row of the split 'val'"));
}

TEST_F(Manifest, ReportsWhatIsWrongWithCsv) {
  EXPECT_THAT(error_of(list("image,patient\na.png,1\n"), labels_),
              HasSubstr("line 1: the header has no column 'label'"));
  EXPECT_THAT(
      error_of(list("image,label\na.png\n\"a.png,1\n,1\ngone.png,1\n"),
               labels_),
      AllOf(HasSubstr("line 2: 1 fields, the header has 2"),
            HasSubstr("line 3: a quote is not closed"),
            HasSubstr("line 4: no path"), HasSubstr("line 5: gone.png")));
}

TEST_F(Manifest, TellsWhatItWasGivenInstead) {
  fs::create_directory(folder_.file("series"));
  EXPECT_THAT(error_of(list("series\n")), HasSubstr("is a folder, not a file"));
  EXPECT_THAT(error_of(list("path;patient\n")), HasSubstr("column 'image'"));
  EXPECT_THAT(error_of(list(std::string("\x89PNG\0\0", 6))),
              HasSubstr("binary data"));
}

TEST_F(Manifest, AFileMayBeCalledImage) {
  write_bytes(folder_.file("image"), "x");
  EXPECT_EQ(read_manifest(list("image\na.png\n")).size(), 2u);
}

TEST_F(Manifest, PathsThatAreTheSameContradictEachOther) {
  EXPECT_EQ(read_manifest(list("a.png 0\n./a.png 1\n"), labels_).size(), 1u);
}

TEST_F(Manifest, TakesFoldersOnlyWhereASeriesMayBe) {
  const auto path = list(".\n");
  EXPECT_THAT(error_of(path), HasSubstr("is a folder"));
  EXPECT_EQ(read_manifest(
                path, {.paths = ManifestPaths::kFilesAndFolders, .split = {}})
                .size(),
            1u);
}

TEST_F(Manifest, TakesSeveralImagesAndMasks) {
  const auto path = list("a.png | b c.png m.png|m2.png\n");
  write_bytes(folder_.file("m2.png"), "x");
  masks_.images = 2;
  masks_.masks = 2;
  const auto entries = read_manifest(path, masks_);
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_THAT(entries[0].images,
              ElementsAre(folder_.file("a.png"), folder_.file("b c.png")));
  EXPECT_THAT(entries[0].masks,
              ElementsAre(folder_.file("m.png"), folder_.file("m2.png")));
}

TEST_F(Manifest, TellsAllThatIsWrongWithALine) {
  masks_.images = 2;
  masks_.masks = 2;
  masks_.names = {"liver", "spleen"};
  EXPECT_THAT(
      error_of(list("image,label\na.png,m.png|m.png\n"
                    "a.png|b c.png|a.png,m.png|m.png|m.png\n"
                    "a.png|,m.png|gone.png\na.png|m.png,m.png\n"),
               masks_),
      AllOf(HasSubstr("4 of its lines"),
            HasSubstr("line 2: a.png has 1 image, 2 are expected (separated "
                      "by '|')"),
            HasSubstr("line 3: a.png|b c.png|a.png has 3 images, 2 are "
                      "expected (separated by '|'); a.png|b c.png|a.png has 3 "
                      "masks, 2 are expected, one for each structure (liver, "
                      "spleen)"),
            HasSubstr("line 4: a.png| has an empty path beside a '|'; the mask "
                      "of a.png|, 'gone.png', does not exist"),
            HasSubstr("line 5: a.png|m.png has 1 mask, 2 are expected"),
            HasSubstr("m.png is an image and its own mask")));
}

TEST_F(Manifest, TakesTheSeparatorInTheNameOfASingleFile) {
  write_bytes(folder_.file("a|b.png"), "x");
  EXPECT_THAT(paths_of(read_manifest(list("a|b.png\n"))),
              ElementsAre(folder_.file("a|b.png")));
  EXPECT_THAT(error_of(list("a.png|m.png\n")),
              HasSubstr("a.png|m.png has 2 images, 1 is expected"));
}

TEST_F(Manifest, TakesLabelsByNumberOrName) {
  labels_.names = {"none", "2", "left lung"};
  const auto path =
      list("image,label\na.png,none\nb c.png,left lung\nm.png,2\n");
  const auto entries = read_manifest(path, labels_);
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_THAT(entries[0].labels, ElementsAre(0));
  EXPECT_THAT(entries[1].labels, ElementsAre(2));
  // A name that looks like a number is a name.
  EXPECT_THAT(entries[2].labels, ElementsAre(1));
  EXPECT_THAT(error_of(list("a.png lung\na.png 3\na.png 0\n"), labels_),
              AllOf(HasSubstr("2 of its lines"),
                    HasSubstr("line 1: the label of a.png is 'lung', neither a "
                              "class (none, 2, left lung) nor a whole number "
                              "from 0 to 2"),
                    HasSubstr("line 2: the label of a.png is '3'")));
}

TEST_F(Manifest, TakesAnyNumberOfLabels) {
  labels_.target = ManifestTarget::kLabels;
  const auto entries = read_manifest(
      list("image,label\na.png,2|0\nb c.png,\nm.png, 1 \n"), labels_);
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_THAT(entries[0].labels, ElementsAre(0, 2));
  EXPECT_THAT(entries[1].labels, ElementsAre());
  EXPECT_THAT(entries[2].labels, ElementsAre(1));
  EXPECT_THAT(error_of(list("a.png 1|1\nm.png 0|\nm.png 2|3\n"), labels_),
              AllOf(HasSubstr("3 of its lines"),
                    HasSubstr("line 1: a.png has the label '1' twice"),
                    HasSubstr("line 2: the label of m.png is ''"),
                    HasSubstr("line 3: the label of m.png is '3'")));
  // One class is asked for: none and several are mistakes.
  labels_.target = ManifestTarget::kLabel;
  EXPECT_THAT(error_of(list("image,label\na.png,\nm.png,0|1\n"), labels_),
              AllOf(HasSubstr("line 2: the label of a.png is ''"),
                    HasSubstr("line 3: the label of m.png is '0|1'")));
}

/// The lists of the folder of damaged inputs, as its table wants them.
TEST_F(Manifest, DamagedListsBehaveAsTheirTableSays) {
  const char* folder = std::getenv("UNIMISS_BROKEN");
  if (folder == nullptr) GTEST_SKIP() << "UNIMISS_BROKEN names no folder";
  const ManifestOptions labels{
      .target = ManifestTarget::kLabel, .classes = 2, .split = {}};
  auto path = [&](const char* name) {
    return std::string(folder) + "/" + name;
  };
  for (const auto& [name, message] :
       {std::pair{"list_missing_file.txt", "images/does_not_exist.nii.gz"},
        std::pair{"list_bad_label.txt", "line 1: the label"},
        std::pair{"list_label_range.txt", "line 1: the label"},
        std::pair{"list_empty.txt", "names no file"}}) {
    EXPECT_THAT(error_of(path(name), labels), HasSubstr(message)) << name;
  }
  EXPECT_THAT(read_manifest(path("list_crlf_bom.txt"), labels).at(0).labels,
              ElementsAre(1));
  EXPECT_THAT(read_manifest(path("list_spaces.txt"), labels).at(0).images,
              ElementsAre(path("dir with space/good reference.nii.gz")));
  EXPECT_EQ(read_manifest(path("list_duplicate.txt"), labels).size(), 1u);
  // A path may lead anywhere; what is no image is refused when it is decoded.
  EXPECT_THROW(
      io::read_volume(
          read_manifest(path("list_traversal.txt"), labels).at(0).images[0]),
      DataError);
}

}  // namespace
}  // namespace unimiss::data
