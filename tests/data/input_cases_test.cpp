#include "unimiss/data/input_cases.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Key;

class InputCases : public ::testing::Test {
 protected:
  void make(std::initializer_list<const char*> names) const {
    for (const char* name : names) {
      const std::filesystem::path path = folder_.file(name);
      std::filesystem::create_directories(path.parent_path());
      unimiss::testing::write_bytes(path.string(), "x");
    }
  }

  /// "id: images" of each case.
  std::vector<std::string> found(const std::string& input,
                                 const InputOptions& options) const {
    std::vector<std::string> texts;
    for (const augment::Case& each :
         input_cases(folder_.file(input), options)) {
      std::string text = each.id + ":";
      for (const std::string& image : each.images) {
        text.append(" ").append(
            std::filesystem::path(image).filename().string());
      }
      texts.push_back(text);
    }
    return texts;
  }

  std::string error_of(const std::string& input,
                       const InputOptions& options) const {
    return unimiss::testing::error_text<DataError>(
        [&] { input_cases(folder_.file(input), options); });
  }

  unimiss::testing::TemporaryDirectory folder_;
};

TEST_F(InputCases, AFolderHasACaseForEachVolume) {
  make({"in/b.nii.gz", "in/a.mha", "in/C.NRRD", "in/.hidden.nii", "in/x.png",
        "in/a.nii.gz.7-1-0.unfinished.nii.gz", "in/d.nii.gz.7-1-1.unfinished"});
  EXPECT_THAT(found("in", {3, 1}),
              ElementsAre("C: C.NRRD", "a: a.mha", "b: b.nii.gz"));
  EXPECT_THAT(found("in", {2, 1}), ElementsAre("x: x.png"));
  EXPECT_THAT(found("in/b.nii.gz", {3, 1}), ElementsAre("b: b.nii.gz"));
  // The suffix of the only modality is no part of the name.
  make({"one/p_0000.nii.gz", "one/q_0000.nii.gz"});
  EXPECT_THAT(found("one", {3, 1}),
              ElementsAre("p: p_0000.nii.gz", "q: q_0000.nii.gz"));
}

TEST_F(InputCases, ModalitiesOfACaseBelongTogether) {
  make({"in/p_1_0001.nii.gz", "in/p_1_0000.nii.gz", "in/q_0000.nii",
        "in/q_0001.mha"});
  EXPECT_THAT(found("in", {3, 2}),
              ElementsAre("p_1: p_1_0000.nii.gz p_1_0001.nii.gz",
                          "q: q_0000.nii q_0001.mha"));
  make({"lacks/p_0001.nii.gz"});
  EXPECT_THAT(error_of("lacks", {3, 2}), HasSubstr("p_0000.*: does not exist"));
  make(
      {"odd/p_0000.nii", "odd/p_0001.nii", "odd/p_0002.nii", "odd/p_-001.nii"});
  const std::string odd = error_of("odd", {3, 2});
  EXPECT_THAT(odd, HasSubstr("p_0002.nii: must end in a modality"));
  EXPECT_THAT(odd, HasSubstr("p_-001.nii: must end in a modality"));
  EXPECT_THAT(error_of("in/q_0000.nii", {3, 2}),
              HasSubstr("a case has 2 modalities"));
}

TEST_F(InputCases, WhatIsNoInputIsRefused) {
  make({"notes.md", "in/notes.md", "mixed/a.dcm", "mixed/b.nii.gz"});
  EXPECT_THAT(error_of("gone", {3, 1}), HasSubstr("does not exist"));
  EXPECT_THAT(error_of("notes.md", {3, 1}), HasSubstr("no volume"));
  EXPECT_THAT(error_of("in", {3, 1}), HasSubstr("holds no volumes"));
  EXPECT_THAT(error_of("in", {2, 1}), HasSubstr("holds no images"));
  EXPECT_THAT(error_of("mixed", {3, 1}), HasSubstr("as b.nii.gz, a volume"));
}

TEST_F(InputCases, FilesAreKnownByTheNamesThatCasesGet) {
  make({"in/patient (3).nii.gz", "in/b.mha", "in/log.txt",
        "in/b.mha.7-1-0.unfinished.mha"});
  EXPECT_THAT(files_by_name(folder_.file("in"), 3, {"log.txt"}),
              ElementsAre(Key("b"), Key("patient__3_")));
  make({"in/b.nii"});
  EXPECT_THROW(files_by_name(folder_.file("in"), 3), DataError);
}

}  // namespace
}  // namespace unimiss::data
