#include "unimiss/data/nnunet_dataset.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::data {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using unimiss::testing::TemporaryDirectory;
using unimiss::testing::write_bytes;

constexpr const char* kCt = R"({
  "channel_names": {"0": "CT"},
  "labels": {"background": 0, "liver": 1, "tumour": 2},
  "numTraining": 2,
  "file_ending": ".nii.gz"
})";

class NnunetDataset : public ::testing::Test {
 protected:
  void describe(const std::string& json) {
    write_bytes(folder_.file("dataset.json"), json);
  }
  void make(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      fs::create_directories(fs::path(folder_.file(name)).parent_path());
      write_bytes(folder_.file(name), "x");
    }
  }
  /// Two cases of one channel.
  void make_cases() {
    make({"imagesTr/b_0000.nii.gz", "imagesTr/a_1_0000.nii.gz",
          "labelsTr/b.nii.gz", "labelsTr/a_1.nii.gz"});
  }
  data::NnunetDataset read() const {
    return read_nnunet_dataset(folder_.path().string());
  }
  std::string error() const {
    return unimiss::testing::error_text<DataError>([&] { read(); });
  }
  /// What is wrong with a description, the folders being as they should.
  std::string error_of(const std::string& json) {
    make_cases();
    describe(json);
    return error();
  }

  TemporaryDirectory folder_;
};

TEST_F(NnunetDataset, ReadsTheSecondVersion) {
  describe(kCt);
  make_cases();
  make({"imagesTs/c_0000.nii.gz"});
  const auto dataset = read();
  EXPECT_THAT(dataset.channels, ElementsAre("CT"));
  EXPECT_THAT(dataset.classes, ElementsAre("background", "liver", "tumour"));
  ASSERT_EQ(dataset.training.size(), 2u);
  EXPECT_EQ(dataset.training[0].id, "a_1");
  EXPECT_EQ(dataset.training[1].id, "b");
  EXPECT_THAT(dataset.training[1].images,
              ElementsAre(folder_.file("imagesTr/b_0000.nii.gz")));
  EXPECT_THAT(dataset.training[1].masks,
              ElementsAre(folder_.file("labelsTr/b.nii.gz")));
  ASSERT_EQ(dataset.test.size(), 1u);
  EXPECT_EQ(dataset.test[0].id, "c");
  EXPECT_THAT(dataset.test[0].masks, IsEmpty());
}

TEST_F(NnunetDataset, ReadsTheFirstVersion) {
  describe(R"({"modality": {"1": "T2", "0": "T1"}, "test": [],
               "labels": {"1": "tumour", "0": "background"}})");
  make({"imagesTr/a_0000.nii.gz", "imagesTr/a_0001.nii.gz",
        "labelsTr/a.nii.gz"});
  const auto dataset = read();
  EXPECT_THAT(dataset.channels, ElementsAre("T1", "T2"));
  EXPECT_THAT(dataset.classes, ElementsAre("background", "tumour"));
  EXPECT_THAT(dataset.training.at(0).images,
              ElementsAre(folder_.file("imagesTr/a_0000.nii.gz"),
                          folder_.file("imagesTr/a_0001.nii.gz")));
  EXPECT_THAT(dataset.test, IsEmpty());
}

TEST_F(NnunetDataset, OrdersChannelsByNumber) {
  std::string channels;
  for (int i = 0; i < 11; ++i) {
    channels += (i > 0 ? ", \"" : "\"") + std::to_string(i) + "\": \"c" +
                std::to_string(i) + "\"";
    make({"imagesTr/a_00" + std::string(i < 10 ? "0" : "") + std::to_string(i) +
          ".png"});
  }
  make({"labelsTr/a.png"});
  describe("{\"channel_names\": {" + channels +
           "}, \"file_ending\": \".png\", \"labels\": {\"no\": 0, \"yes\": "
           "1}}");
  const auto dataset = read();
  EXPECT_EQ(dataset.channels.at(2), "c2");
  EXPECT_EQ(dataset.channels.at(10), "c10");
  EXPECT_EQ(dataset.training.at(0).images.at(10),
            folder_.file("imagesTr/a_0010.png"));
}

TEST_F(NnunetDataset, TakesTheLabelsOfTheTestWhereTheyAre) {
  describe(kCt);
  make_cases();
  make({"imagesTs/c_0000.nii.gz", "imagesTs/d_0000.nii.gz",
        "labelsTs/c.nii.gz"});
  EXPECT_THAT(error(), AllOf(HasSubstr("1 of its files"),
                             HasSubstr("labelsTs/d.nii.gz: does not exist")));
  make({"labelsTs/d.nii.gz"});
  EXPECT_THAT(read().test.at(1).masks,
              ElementsAre(folder_.file("labelsTs/d.nii.gz")));
}

TEST_F(NnunetDataset, TellsAllThatIsWrongWithFiles) {
  describe(R"({"channel_names": {"0": "T1", "1": "T2"}, "numTraining": 7,
               "labels": {"background": 0, "tumour": 1}})");
  make({"imagesTr/a_0000.nii.gz", "imagesTr/b_0000.nii.gz",
        "imagesTr/b_0001.nii.gz", "imagesTr/b_0002.nii.gz",
        "imagesTr/plain.nii.gz", "imagesTr/_0000.nii.gz",
        "imagesTr/c_00x0.nii.gz", "labelsTr/a.nii.gz", "labelsTr/z.nii.gz"});
  EXPECT_THAT(
      error(),
      AllOf(HasSubstr("8 of its files or keys cannot be used"),
            HasSubstr("imagesTr/a_0001.nii.gz: does not exist (channel 1, T2)"),
            HasSubstr("imagesTr/b_0002.nii.gz: is of channel 2, but "
                      "dataset.json names T1, T2"),
            HasSubstr("imagesTr/plain.nii.gz: has no channel in its name"),
            HasSubstr("imagesTr/_0000.nii.gz: has no channel"),
            HasSubstr("imagesTr/c_00x0.nii.gz: has no channel"),
            HasSubstr("labelsTr/b.nii.gz: does not exist"),
            HasSubstr("labelsTr/z.nii.gz: has no image in imagesTr"),
            HasSubstr("numTraining: is 7, but imagesTr holds 2 cases")));
}

TEST_F(NnunetDataset, LeavesOutOtherFilesWithAWarning) {
  describe(kCt);
  make_cases();
  make({"imagesTr/notes.txt", "imagesTr/._b_0000.nii.gz",
        "imagesTr/old/b_0000.nii.gz", "labelsTr/b.png"});
  fs::create_directory(folder_.file("imagesTr/c_0000.nii.gz"));
  ::testing::internal::CaptureStderr();
  const size_t cases = read().training.size();
  const std::string told = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(cases, 2u);
  EXPECT_THAT(told,
              AllOf(HasSubstr("imagesTr: 4 entries are not used"),
                    HasSubstr("._b_0000.nii.gz, c_0000.nii.gz, "
                              "notes.txt, old"),
                    HasSubstr("labelsTr: 1 entries"), HasSubstr("b.png")));
}

TEST_F(NnunetDataset, TellsWhatIsMissing) {
  EXPECT_THAT(error(), HasSubstr("dataset.json: does not exist"));
  describe(kCt);
  EXPECT_THAT(error(), AllOf(HasSubstr("imagesTr: is no folder"),
                             HasSubstr("labelsTr: is no folder")));
  fs::create_directory(folder_.file("imagesTr"));
  fs::create_directory(folder_.file("labelsTr"));
  EXPECT_THAT(error(), HasSubstr("imagesTr: holds no case: no file that ends "
                                 "in _0000.nii.gz"));
}

TEST_F(NnunetDataset, TellsTheLineThatIsNoJson) {
  describe("{\n  \"labels\": {\n    \"background\": 0\n    \"liver\": 1}\n}");
  EXPECT_THAT(error(), AllOf(HasSubstr("dataset.json: is no JSON"),
                             HasSubstr("line 4")));
  describe("");
  EXPECT_THAT(error(), HasSubstr("line 1"));
}

TEST_F(NnunetDataset, RefusesRegionsAndIgnore) {
  EXPECT_THAT(error_of(R"({"channel_names": {"0": "T1"}, "labels":
                {"background": 0, "whole": [1, 2], "core": 2, "ignore": 3}})"),
              AllOf(HasSubstr("2 of its files or keys"),
                    HasSubstr("labels: 'whole' is a region of several labels, "
                              "which is not supported"),
                    HasSubstr("an 'ignore' label is not supported")));
}

TEST_F(NnunetDataset, TellsAllThatIsWrongWithItsDescription) {
  EXPECT_THAT(error_of("[1]"), HasSubstr("holds no object"));
  EXPECT_THAT(error_of(R"({"file_ending": "nii", "dataset": {},
                           "numTraining": -1})"),
              AllOf(HasSubstr("has no key channel_names"),
                    HasSubstr("has no key labels"),
                    HasSubstr("file_ending: is no ending"),
                    HasSubstr("dataset: files listed one by one"),
                    HasSubstr("numTraining: is no number of cases")));
  const auto labels = [&](const std::string& text) {
    return error_of("{\"channel_names\": {\"0\": \"CT\"}, \"labels\": " + text +
                    "}");
  };
  for (const char* gap :
       {R"({"background": 0, "liver": 2})", R"({"liver": 1, "tumour": 2})",
        R"({"background": 0, "liver": 1, "tumour": 1})",
        R"({"background": 0, "liver": 4294967296})", "{}"}) {
    EXPECT_THAT(labels(gap), AllOf(HasSubstr("labels: must have every number"),
                                   HasSubstr("1 of its")))
        << gap;
  }
  for (const char* odd : {R"({"background": 0, "liver": "1"})",
                          R"({"background": 0, "liver": 1.5})",
                          R"({"background": 0, "liver": -1})",
                          R"({"background": 0, "liver": null})"}) {
    EXPECT_THAT(labels(odd), HasSubstr("labels: 'liver': ")) << odd;
  }
  EXPECT_THAT(labels("3"), HasSubstr("labels: is no object"));
  EXPECT_THAT(labels(R"({"background": 0})"),
              HasSubstr("names the background alone"));
  EXPECT_THAT(labels(R"({"background": 0, "liver": 1})"),
              Not(HasSubstr("labels:")));
}

}  // namespace
}  // namespace unimiss::data
