#include "unimiss/report/case_files.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::report {
namespace {

using augment::TargetKind;
using ::testing::ElementsAre;
using ::testing::Pair;

class CaseFiles : public ::testing::Test {
 protected:
  void make(const std::vector<std::string>& names) const {
    for (const std::string& name : names) {
      const std::string path = folder_.file(name);
      std::filesystem::create_directories(
          std::filesystem::path(path).parent_path());
      testing::write_bytes(path, "x");
    }
  }
  FilesOfCases files(augment::Target target) const {
    return files_of_cases(folder_.path().string(), 3, target, {"lung", "heart"},
                          {"other.json"});
  }

  testing::TemporaryDirectory folder_;
};

TEST_F(CaseFiles, OfLabelMapsAreOne) {
  make({"b.nii.gz", "a.mha", "other.json"});
  EXPECT_THAT(files(TargetKind::kLabelMap),
              ElementsAre(Pair("a", ElementsAre(folder_.file("a.mha"))),
                          Pair("b", ElementsAre(folder_.file("b.nii.gz")))));
}

TEST_F(CaseFiles, OfStructuresLieInAFolderForEach) {
  make({"lung/a.nii.gz", "heart/a.nii.gz", "heart/b.nii.gz"});
  EXPECT_THAT(
      files(TargetKind::kStructures),
      ElementsAre(Pair("a", ElementsAre(folder_.file("lung/a.nii.gz"),
                                        folder_.file("heart/a.nii.gz"))),
                  Pair("b", ElementsAre("", folder_.file("heart/b.nii.gz")))));
}

TEST_F(CaseFiles, FoldersAreThoseOfPredictions) {
  EXPECT_THAT(map_folders("p", TargetKind::kLabelMap, {"none", "cases"}),
              ElementsAre("p"));
  // Another folder is called so.
  EXPECT_THAT(map_folders("p", TargetKind::kStructures, {"lung", "cases"}),
              ElementsAre("p/lung", "p/cases_1"));
}

TEST_F(CaseFiles, OfNoFolderAreAnError) {
  EXPECT_THAT(
      testing::error_text<DataError>([&] { files(TargetKind::kStructures); }),
      ::testing::HasSubstr("lung"));
}

}  // namespace
}  // namespace unimiss::report
