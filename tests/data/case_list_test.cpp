#include "unimiss/data/case_list.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::data {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using unimiss::testing::TemporaryDirectory;
using unimiss::testing::write_bytes;

class CaseList : public ::testing::Test {
 protected:
  std::string list(const std::string& text) {
    write_bytes(folder_.file("list.txt"), text);
    return folder_.file("list.txt");
  }
  /// Makes files, and the folders above them.
  void make(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      fs::create_directories(fs::path(folder_.file(name)).parent_path());
      write_bytes(folder_.file(name), "x");
    }
  }
  /// The ids of a list of these files.
  std::vector<std::string> ids(const std::vector<std::string>& names) {
    make(names);
    std::string text;
    for (const std::string& name : names) text += name + "\n";
    std::vector<std::string> ids;
    for (const augment::Case& each : read_cases(list(text), paths_)) {
      ids.push_back(each.id);
    }
    return ids;
  }

  TemporaryDirectory folder_;
  CaseListOptions paths_{.classes = {"background", "liver"},
                         .references = References::kIgnored};
  CaseListOptions masks_{.classes = {"background", "liver"}};
  CaseListOptions structures_{.target = augment::TargetKind::kStructures,
                              .classes = {"tumour", "oedema"},
                              .modalities = 2};
  CaseListOptions classes_{.target = augment::TargetKind::kClasses,
                           .classes = {"effusion", "nodule", "mass"}};
};

template <class Error>
std::string error_of(const std::string& list, const CaseListOptions& options) {
  return unimiss::testing::error_text<Error>(
      [&] { read_cases(list, options); });
}

TEST_F(CaseList, ReferencesThatAreIgnoredMayBeThere) {
  make({"a.nii.gz", "b c.nii.gz", "b", "m.nii.gz"});
  const auto images = [&](const std::string& text, int64_t modalities = 1) {
    CaseListOptions options = paths_;
    options.modalities = modalities;
    std::vector<std::string> names;
    for (const augment::Case& each : read_cases(list(text), options)) {
      for (const std::string& image : each.images) {
        names.push_back(std::filesystem::path(image).filename().string());
      }
    }
    return names;
  };
  EXPECT_THAT(images("a.nii.gz m.nii.gz\nb c.nii.gz\n"),
              ElementsAre("a.nii.gz", "b c.nii.gz"));
  EXPECT_THAT(images("a.nii.gz pneumonia\nb c.nii.gz 0|1\n"),
              ElementsAre("a.nii.gz", "b c.nii.gz"));
  EXPECT_THAT(images("a.nii.gz|b c.nii.gz gone.nii.gz\n", 2),
              ElementsAre("a.nii.gz", "b c.nii.gz"));
  EXPECT_THAT(images("image,label\na.nii.gz,gone.nii.gz\n"),
              ElementsAre("a.nii.gz"));
  // What is not there is found by whoever reads it.
  EXPECT_THAT(images("gone.nii.gz\na.nii.gz\n"),
              ElementsAre("gone.nii.gz", "a.nii.gz"));
}

TEST_F(CaseList, ReadsLabelMaps) {
  make({"images/a.nii.gz", "labels/a.nii.gz"});
  const auto cases =
      read_cases(list("images/a.nii.gz labels/a.nii.gz\n"), masks_);
  ASSERT_EQ(cases.size(), 1u);
  EXPECT_EQ(cases[0].id, "a");
  EXPECT_THAT(cases[0].images, ElementsAre(folder_.file("images/a.nii.gz")));
  EXPECT_THAT(cases[0].masks, ElementsAre(folder_.file("labels/a.nii.gz")));
  EXPECT_THAT(cases[0].labels, IsEmpty());
  EXPECT_EQ(cases[0].patient, "");
}

TEST_F(CaseList, ReadsModalitiesAndStructures) {
  make({"a_t1.nii", "a_t2.nii", "a_tumour.nii", "a_oedema.nii"});
  const auto cases =
      read_cases(list("image,label,patient\n"
                      "a_t1.nii|a_t2.nii,a_tumour.nii|a_oedema.nii,p1\n"),
                 structures_);
  ASSERT_EQ(cases.size(), 1u);
  EXPECT_THAT(cases[0].images,
              ElementsAre(folder_.file("a_t1.nii"), folder_.file("a_t2.nii")));
  EXPECT_THAT(cases[0].masks, ElementsAre(folder_.file("a_tumour.nii"),
                                          folder_.file("a_oedema.nii")));
  EXPECT_EQ(cases[0].patient, "p1");
  EXPECT_EQ(cases[0].id, "a_t1");
}

TEST_F(CaseList, ReadsClasses) {
  make({"a.png", "b.png", "c.png"});
  const auto path = list("image,label\na.png,mass|effusion\nb.png,\nc.png,1\n");
  const auto cases = read_cases(path, classes_);
  ASSERT_EQ(cases.size(), 3u);
  EXPECT_THAT(cases[0].labels, ElementsAre(0, 2));
  EXPECT_THAT(cases[1].labels, IsEmpty());
  EXPECT_THAT(cases[2].labels, ElementsAre(1));
  classes_.target = augment::TargetKind::kClass;
  EXPECT_THAT(error_of<DataError>(path, classes_),
              AllOf(HasSubstr("2 of its lines"), HasSubstr("line 2:"),
                    HasSubstr("line 3:"), Not(HasSubstr("line 4:"))));
  // Without names, any number from 0 on.
  EXPECT_THAT(
      read_cases(list("a.png 17\n"), {.target = augment::TargetKind::kClass})
          .at(0)
          .labels,
      ElementsAre(17));
}

TEST_F(CaseList, TellsEveryMistakeWithItsLine) {
  make({"a.nii", "b.nii", "m.nii"});
  EXPECT_THAT(
      error_of<DataError>(list("a.nii|b.nii m.nii\na.nii m.nii|m.nii\n"
                               "gone.nii|b.nii m.nii|lost.nii\n"),
                          structures_),
      AllOf(HasSubstr("3 of its lines"),
            HasSubstr("line 1: a.nii|b.nii has 1 mask, 2 are expected, one "
                      "for each structure (tumour, oedema)"),
            HasSubstr("line 2: a.nii has 1 image, 2 are expected"),
            HasSubstr("line 3: gone.nii does not exist; the mask of "
                      "gone.nii|b.nii, 'lost.nii', does not exist")));
  EXPECT_THAT(error_of<DataError>(list("a.nii|b.nii m.nii\n"), masks_),
              HasSubstr("a.nii|b.nii has 2 images, 1 is expected"));
}

TEST_F(CaseList, KeepsTheRowsOfASplit) {
  make({"a.png", "b.png"});
  classes_.split = "test";
  const auto cases = read_cases(
      list("image,label,split\na.png,0,train\nb.png,1,test\n"), classes_);
  ASSERT_EQ(cases.size(), 1u);
  EXPECT_EQ(cases[0].id, "b");
}

TEST_F(CaseList, IgnoresReferencesWhereNoneAreNeeded) {
  make({"a.png"});
  const auto cases =
      read_cases(list("image,label\na.png,not looked at\n"), paths_);
  ASSERT_EQ(cases.size(), 1u);
  EXPECT_THAT(cases[0].masks, IsEmpty());
}

TEST_F(CaseList, TakesEndingsOffIds) {
  EXPECT_THAT(ids({"a.nii.gz", "b.NII", "c.d.png", "1.2.840", "e.jpeg"}),
              ElementsAre("a", "b", "c.d", "1.2.840", "e"));
}

TEST_F(CaseList, TakesTheModalityOffIdsWhereAllHaveIt) {
  EXPECT_THAT(ids({"a_0000.nii.gz", "b_0000.nii.gz"}), ElementsAre("a", "b"));
  EXPECT_THAT(ids({"a_0000.nii.gz", "a_0001.nii.gz"}),
              ElementsAre("a_0000", "a_0001"));
}

TEST_F(CaseList, PutsFoldersInFrontOfEqualIds) {
  EXPECT_THAT(ids({"siteA/scan1.nii", "siteB/scan1.nii.gz", "siteB/scan2.nii"}),
              ElementsAre("siteA_scan1", "siteB_scan1", "scan2"));
  // The folder that tells them apart may be further up, and what is put in
  // front may be the name of another file.
  EXPECT_THAT(ids({"x/ct/1.png", "y/ct/1.png", "z/x_ct_1.png"}),
              ElementsAre(EndsWith("_x_ct_1"), "y_ct_1", "z_x_ct_1"));
}

TEST_F(CaseList, GivesIdsThatAreSafeFileNames) {
  const auto names =
      ids({"a b;c.png", "-rf.png", ".png", "..png", "M\xc3\xbcller.png",
           "u\xff.png", std::string(240, 'n') + ".png"});
  EXPECT_THAT(std::vector(names.begin(), names.begin() + 6),
              ElementsAre("a_b_c", "_rf", "_png", "_", "M\xc3\xbcller", "u_"));
  EXPECT_LT(names[6].size(), 200u);
}

TEST_F(CaseList, TellsFilesApartThatDifferInUnsafeLettersAlone) {
  auto names = ids({"a b.png", "a;b.png", "a_b.png"});
  EXPECT_EQ(std::set(names.begin(), names.end()).size(), 3u);
  for (const std::string& name : names) EXPECT_THAT(name, HasSubstr("a_b"));
}

TEST_F(CaseList, IdsDependOnTheFilesAlone) {
  const std::vector<std::string> files{"p/1.png", "q/1.png", "q/2.png"};
  const auto forward = ids(files);
  auto backward = ids({files.rbegin(), files.rend()});
  std::reverse(backward.begin(), backward.end());
  EXPECT_EQ(forward, backward);
}

TEST_F(CaseList, TakesTheFolderOfASeriesAsItsId) {
  fs::create_directories(folder_.file("p1/series"));
  paths_.paths = ManifestPaths::kFilesAndFolders;
  EXPECT_EQ(read_cases(list("p1/series/\n"), paths_).at(0).id, "series");
}

TEST_F(CaseList, NamesSeveralSetsTogether) {
  make({"train/1.png", "test/1.png"});
  auto train = read_cases(list("train/1.png\n"), paths_);
  auto test = read_cases(list("test/1.png\n"), paths_);
  EXPECT_EQ(train[0].id, test[0].id);
  name_cases({&train, &test});
  EXPECT_EQ(train[0].id, "train_1");
  EXPECT_EQ(test[0].id, "test_1");
  auto same = train;
  name_cases({&train, &same});
  EXPECT_EQ(train[0].id, "1");
  EXPECT_EQ(same[0].id, "1");
}

TEST_F(CaseList, CountsACaseOnce) {
  make({"a.png", "b.png"});
  EXPECT_EQ(read_cases(list("a.png\n./a.png\nb.png\n"), paths_).size(), 2u);
  paths_.modalities = 2;
  EXPECT_THAT(error_of<DataError>(list("a.png|b.png\na.png|a.png\n"), paths_),
              AllOf(HasSubstr("1 of its lines"), HasSubstr("line 2: "),
                    HasSubstr("also the first image of line 1")));
}

TEST_F(CaseList, RefusesClassesThatCannotBe) {
  const auto path = list("a.png 0\n");
  const auto error = [&](const CaseListOptions& options) {
    return error_of<ConfigError>(path, options);
  };
  EXPECT_THAT(error({.classes = {"background"}}),
              HasSubstr("classes: their number must be at least 2 (is 1"));
  EXPECT_THAT(error({.target = augment::TargetKind::kStructures}),
              HasSubstr("must be in [1, 15] (is 0"));
  EXPECT_THAT(
      error({.target = augment::TargetKind::kClass, .classes = {"only"}}),
      HasSubstr("at least 2 (is 1"));
  EXPECT_THAT(error({.classes = {"a", "a"}}), HasSubstr("same as item [0]"));
  EXPECT_THAT(error({.classes = {"a", "b|c", "", " d"}, .modalities = 0}),
              AllOf(HasSubstr("classes[1]: 'b|c' cannot be in a list"),
                    HasSubstr("classes[2]: ''"), HasSubstr("classes[3]: ' d'"),
                    HasSubstr("modalities: must be at least 1 (is 0)")));
}

TEST_F(CaseList, DamagedListsBehaveAsTheirTableSays) {
  const char* folder = std::getenv("UNIMISS_BROKEN");
  if (folder == nullptr) GTEST_SKIP() << "UNIMISS_BROKEN names no folder";
  const CaseListOptions labels{.target = augment::TargetKind::kClass,
                               .classes = {"no", "yes"}};
  const auto path = [&](const char* name) {
    return std::string(folder) + "/" + name;
  };
  for (const char* name : {"list_missing_file.txt", "list_bad_label.txt",
                           "list_label_range.txt", "list_empty.txt"}) {
    EXPECT_THAT(error_of<DataError>(path(name), labels), HasSubstr(name));
  }
  EXPECT_EQ(read_cases(path("list_spaces.txt"), labels).at(0).id,
            "good_reference");
  EXPECT_EQ(read_cases(path("list_crlf_bom.txt"), labels).size(), 1u);
  EXPECT_EQ(read_cases(path("list_duplicate.txt"), labels).size(), 1u);
}

}  // namespace
}  // namespace unimiss::data
