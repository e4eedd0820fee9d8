#include "finetune/data.h"

#include <gmock/gmock.h>

#include "finetune/toy_cases.h"
#include "testing/error_text.h"
#include "unimiss/core/error.h"

namespace unimiss::finetune {
namespace {

using ::testing::ElementsAre;
using testing::error_text;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using testing::write_bytes;

class Data : public testing::ToyCases {
 protected:
  FinetuneCases read() const {
    return read_finetune_cases(config_, file("run/splits.json"));
  }
  FinetuneData open() const { return open_finetune_data(config_, read()); }
};

TEST_F(Data, EachListIsOfItsPart) {
  const FinetuneCases cases = read();
  EXPECT_THAT(cases.classes, ElementsAre("background", "left", "right"));
  EXPECT_THAT(cases.train, SizeIs(6));
  EXPECT_THAT(cases.split.validation, ElementsAre("val0", "val1"));
  EXPECT_THAT(cases.split.test, ElementsAre("test0", "test1"));
  EXPECT_EQ(cases.listed, 6);
  EXPECT_EQ(cases.fingerprint(), read().fingerprint());
}

TEST_F(Data, WithoutListsAShareIsForValidation) {
  config_.data.validation_lists.clear();
  config_.data.split.validation_share = 0.34;
  const FinetuneCases cases = read();
  EXPECT_THAT(cases.train, SizeIs(4));
  EXPECT_THAT(cases.validation, SizeIs(2));
  // A division that has been made stays, whatever the share is now.
  std::filesystem::create_directories(file("run"));
  data::write_split(file("run/splits.json"), cases.split);
  config_.data.split.validation_share = 0.5;
  EXPECT_THAT(read().split.train, cases.split.train);
}

TEST_F(Data, ADivisionOfOthersIsRefused) {
  config_.data.validation_lists.clear();
  config_.data.splits = file("splits.json");
  write_bytes(config_.data.splits,
              R"([{"train": ["train0", "test1"], "val": ["train1"]}])");
  EXPECT_THAT(error_text<DataError>([&] { read(); }),
              HasSubstr("gives 'test1' to training or validation"));
  write_bytes(config_.data.splits, R"([{"train": ["train0"], "val": []}])");
  EXPECT_THAT(error_text<DataError>([&] { read(); }),
              HasSubstr("gives no case to validation"));
}

TEST_F(Data, ACaseIsOfOnePart) {
  write_bytes(file("val.txt"), "train0.png train0_mask.png\n");
  EXPECT_THAT(error_text<Error>([&] { read(); }), HasSubstr("train0"));
}

TEST_F(Data, ACaseInTwoListsCountsOnce) {
  write_bytes(file("again.txt"), "train0.png train0_mask.png\n");
  config_.data.train.push_back(file("again.txt"));
  EXPECT_THAT(read().train, SizeIs(6));
  write_bytes(file("again.txt"), "train0.png train1_mask.png\n");
  EXPECT_THAT(error_text<DataError>([&] { read(); }),
              HasSubstr("with different labels"));
}

TEST_F(Data, ClassesAreNeededAndWeightsAreOneAClass) {
  config_.loss.segmentation.class_weights = {1, 2};
  EXPECT_THAT(error_text<ConfigError>([&] { read(); }),
              HasSubstr("loss.class_weights"));
  config_.task.classes.clear();
  EXPECT_THAT(error_text<ConfigError>([&] { read(); }),
              HasSubstr("task.classes"));
}

TEST_F(Data, SamplesAreCutFromTheCasesToTrainOn) {
  const FinetuneData data = open();
  EXPECT_THAT(data.train, ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(data.validation, ElementsAre(6, 7));
  EXPECT_THAT(data.test, ElementsAre(8, 9));
  ASSERT_EQ(data.dataset->size(), 6);
  Random random({1});
  const augment::Sample sample = data.dataset->sample(2, random);
  EXPECT_EQ(sample.images.at(0).sizes(), (std::vector<int64_t>{1, 64, 64}));
  EXPECT_EQ(sample.target.sizes(), (std::vector<int64_t>{64, 64}));
  EXPECT_LT(sample.target.max().item<int64_t>(), 3);
}

TEST_F(Data, OnlyTrainingCasesMayBeLeftOut) {
  write_bytes(file("train3.png"), "no image");
  EXPECT_THAT(error_text<DataError>([&] { open(); }), HasSubstr("train3.png"));
  config_.data.on_error = data::OnError::kSkip;
  config_.data.max_bad = 1;
  const FinetuneData data = open();
  EXPECT_THAT(data.train, ElementsAre(0, 1, 2, 4, 5));
  EXPECT_THAT(data.left_out, ElementsAre(HasSubstr("train3.png")));
  EXPECT_EQ(data.dataset->size(), 5);

  config_.data.max_bad = 2;
  write_bytes(file("val1.png"), "no image");
  EXPECT_THAT(error_text<DataError>([&] { open(); }),
              HasSubstr("only training cases may be left out"));
}

}  // namespace
}  // namespace unimiss::finetune
