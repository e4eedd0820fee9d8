// What a fine-tuning refuses before it trains: exit status 2, the file and the
// reason, and no run folder.
#include <gmock/gmock.h>

#include <filesystem>

#include "apps/toy_finetuning.h"
#include "testing/nifti_bytes.h"
#include "unimiss/io/volume_writer.h"

namespace unimiss {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class FinetuneInput : public testing::ToyFinetuning {
 protected:
  FinetuneInput() {
    label_maps("train", 4);
    label_maps("val", 2);
    label_maps("test", 2);
  }

  std::string lists() const {
    return "'task.classes=[background, rim, core]' data.train=" +
           file("train.txt") + " data.validation_lists=" + file("val.txt") +
           " data.test=" + file("test.txt") + " ";
  }

  void expect_refused(const std::string& arguments,
                      const std::vector<std::string>& told) const {
    const auto result = finetune(arguments);
    EXPECT_EQ(result.status, 2) << result.output;
    for (const std::string& part : told) {
      EXPECT_THAT(result.output, HasSubstr(part));
    }
    EXPECT_FALSE(exists("run")) << told[0];
  }
};

TEST_F(FinetuneInput, IsGoodAsItIs) {
  const auto result = finetune(lists() + "run.max_steps=1");
  EXPECT_EQ(result.status, 0) << result.output;
}

TEST_F(FinetuneInput, LabelsThatAreNoClass) {
  volume("val1_label.nii.gz", 3 * box({14, 60, 70}));
  expect_refused(lists(), {"val1_label.nii.gz", "holds the label 3",
                           "3 classes (0 to 2)"});
  // Stored as 0 and 1, with a slope of 1/2 in the header.
  volume("half.nii", box({14, 60, 70}));
  testing::write_bytes(
      file("half.nii"),
      testing::patched(testing::read_bytes(file("half.nii")), 112, 0.5f));
  testing::write_bytes(file("val.txt"), "val0.nii.gz half.nii\n");
  expect_refused(lists(), {"half.nii", "0.5"});
}

TEST_F(FinetuneInput, LabelsThatDoNotFitTheirImage) {
  volume("train2_label.nii.gz", box({14, 60, 71}));
  expect_refused(lists(), {"train2_label.nii.gz", "14x60x71", "14x60x70"});
  io::write_volume(file("train2_label.nii.gz"),
                   {box({14, 60, 70}).to(torch::kFloat), {3, 1, 1.51}});
  expect_refused(lists(), {"train2_label.nii.gz", "1.51"});
  // Several at once are all told.
  volume("test0_label.nii.gz", box({13, 60, 70}));
  expect_refused(lists(), {"train2_label.nii.gz", "test0_label.nii.gz"});
}

TEST_F(FinetuneInput, MissingFilesWithTheirLines) {
  fs::remove(file("train1.nii.gz"));
  fs::remove(file("test1_label.nii.gz"));
  expect_refused(lists(), {"train.txt", "line 2", "train1.nii.gz", "test.txt",
                           "test1_label.nii.gz"});
  expect_refused(lists() + "data.train=" + file("none.txt"),
                 {"data.train", "there is no file", "none.txt"});
  expect_refused(
      lists() + "init.from_scratch=false init.weights=" + file("none"),
      {"init.weights", "there is no file or folder"});
}

TEST_F(FinetuneInput, PatientsAndFilesOfSeveralSets) {
  testing::write_bytes(file("train.csv"),
                       "image,label,patient\n"
                       "train0.nii.gz,train0_label.nii.gz,anna\n"
                       "train1.nii.gz,train1_label.nii.gz,berta\n");
  testing::write_bytes(file("val.csv"),
                       "image,label,patient\n"
                       "val0.nii.gz,val0_label.nii.gz,berta\n");
  const std::string both = lists() + "data.train=" + file("train.csv") +
                           " data.validation_lists=" + file("val.csv");
  expect_refused(both, {"berta", "train", "validation"});
  testing::write_bytes(file("test.txt"), "train3.nii.gz train3_label.nii.gz\n");
  expect_refused(lists(), {"train3.nii.gz", "train", "test"});
}

TEST_F(FinetuneInput, PartsWithoutACase) {
  testing::write_bytes(file("empty.txt"), "# nothing\n");
  for (const char* key : {"train", "validation_lists", "test"}) {
    expect_refused(lists() + "data." + key + "=" + file("empty.txt"),
                   {"empty.txt"});
  }
  testing::write_bytes(file("one.txt"), "train0.nii.gz train0_label.nii.gz\n");
  expect_refused(
      "'task.classes=[background, rim, core]' data.train=" + file("one.txt"),
      {"data.validation_share", "no"});
}

TEST_F(FinetuneInput, AnotherNumberOfChannels) {
  expect_refused(lists() + "model.volume_channels=2",
                 {"model.volume_channels", "must be 1", "data.modalities"});
  expect_refused(lists() + "model.volume_channels=2 data.modalities=2",
                 {"train.txt", "line 1", "2"});
  testing::write_bytes(file("train.txt"),
                       "train0.nii.gz|train1.nii.gz train0_label.nii.gz\n");
  expect_refused(lists(), {"train.txt", "line 1", "1"});
}

TEST_F(FinetuneInput, ClassesThatAreNot) {
  testing::write_bytes(file("classes.txt"),
                       "train0.nii.gz ill\ntrain1.nii.gz 2\n"
                       "train2.nii.gz well\ntrain3.nii.gz sane\n");
  expect_refused("task.target=class 'task.classes=[well, ill]' data.train=" +
                     file("classes.txt"),
                 {"classes.txt", "line 2", "line 4", "sane"});
  expect_refused("data.train=" + file("train.txt"), {"task.classes"});
}

TEST_F(FinetuneInput, SplitsThatDoNotFit) {
  const std::string splits = " data.splits=" + file("splits.json");
  const std::string task =
      "'task.classes=[background, rim, core]' data.train=" + file("train.txt") +
      " data.test=" + file("test.txt") + splits;
  testing::write_bytes(file("splits.json"),
                       R"([{"train": ["train0", "mars"], "val": ["train1"]}])");
  expect_refused(task, {"splits.json", "mars"});
  testing::write_bytes(
      file("splits.json"),
      R"([{"train": ["train0", "test1"], "val": ["train1"]}])");
  expect_refused(task, {"splits.json", "test1"});
  testing::write_bytes(file("splits.json"),
                       R"([{"train": ["train0", "train1"], "val": []}])");
  expect_refused(task, {"splits.json", "val", "data.validation_share"});
  EXPECT_EQ(
      finetune(task + " data.validation_share=0 --dry-run --no-steps").status,
      0);
}

}  // namespace
}  // namespace unimiss
