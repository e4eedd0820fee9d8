#include "unimiss/pretrain/data.h"

#include <gmock/gmock.h>

#include "pretrain/toy_pretrain.h"
#include "testing/error_text.h"
#include "unimiss/core/error.h"

namespace unimiss::pretrain {
namespace {

using ::testing::ElementsAre;
using testing::error_text;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::write_bytes;

class Data : public testing::ToyPretrain {};

TEST_F(Data, ListsAreReadInTheirOrder) {
  const PretrainLists lists = read_lists(config_);
  EXPECT_THAT(lists.images.paths,
              ElementsAre(file("a.png"), file("b.png"), file("c.png")));
  EXPECT_THAT(lists.images.counts, ElementsAre(2, 1));
  EXPECT_THAT(lists.volumes.paths, ElementsAre(file("v.nii")));
}

TEST_F(Data, AllThatIsWrongWithListsIsToldAtOnce) {
  write_bytes(file("images.txt"), "a.png\nmissing.png\n");
  write_bytes(file("volumes.txt"), "gone.nii\n");
  const std::string error = error_text<DataError>([&] { read_lists(config_); });
  EXPECT_THAT(error, HasSubstr("missing.png"));
  EXPECT_THAT(error, HasSubstr("gone.nii"));
}

TEST_F(Data, WeightsMustBeOfEachList) {
  config_.data.image_weights = {1, 0};
  EXPECT_THAT(error_text<ConfigError>([&] { read_lists(config_); }),
              HasSubstr("data.image_weights"));
  config_.data.image_weights = {1, 1};
  config_.data.volume_weights = {-1};
  EXPECT_THAT(error_text<ConfigError>([&] { read_lists(config_); }),
              HasSubstr("data.volume_weights"));
}

TEST_F(Data, StreamsHoldWhatTheModelNeeds) {
  config_.data.image_weights = {1, 3};
  PretrainData data = open_data(config_, read_lists(config_));
  EXPECT_EQ(data.images.files, 3);
  EXPECT_EQ(data.images.samples(), 3);
  EXPECT_EQ(data.volumes.samples(), 4);
  EXPECT_THAT(data.images.left_out, IsEmpty());
  ASSERT_THAT(data.images.sources, SizeIs(2));
  EXPECT_EQ(data.images.sources[0].samples, 2);
  EXPECT_EQ(data.images.sources[1].weight, 3);

  start_workers(data, config_, BatchTarget::kCpu);
  const augment::Sample images = data.images.loader->next();
  ASSERT_THAT(images.images, SizeIs(2));
  EXPECT_EQ(images.images[0].sizes(), (std::vector<int64_t>{2, 3, 64, 64}));
  const augment::Sample volumes = data.volumes.loader->next();
  EXPECT_EQ(volumes.images[1].sizes(),
            (std::vector<int64_t>{1, 1, 16, 64, 64}));
  EXPECT_FALSE(images.target.defined());

  // The same files in the same order, wherever the cache has them from.
  const PretrainData again = open_data(config_, read_lists(config_));
  EXPECT_EQ(again.images.fingerprint, data.images.fingerprint);
  EXPECT_EQ(again.volumes.fingerprint, data.volumes.fingerprint);
  config_.data.image_weights = {1, 2};
  EXPECT_NE(open_data(config_, read_lists(config_)).images.fingerprint,
            data.images.fingerprint);
}

TEST_F(Data, AKindWithoutAListIsEmpty) {
  config_.data.images.clear();
  PretrainData data = open_data(config_, read_lists(config_));
  EXPECT_EQ(data.images.samples(), 0);
  EXPECT_EQ(data.images.fingerprint, "none");
  start_workers(data, config_, BatchTarget::kCpu);
  EXPECT_FALSE(data.images.loader);
  EXPECT_TRUE(data.volumes.loader);
}

TEST_F(Data, FilesThatCannotBeUsedStopTheRunOrAreLeftOut) {
  write_bytes(file("b.png"), "no image");
  write_bytes(file("v.nii"), "no volume");
  const PretrainLists lists = read_lists(config_);
  const std::string error =
      error_text<DataError>([&] { open_data(config_, lists); });
  EXPECT_THAT(error, HasSubstr("b.png"));
  EXPECT_THAT(error, HasSubstr("v.nii"));

  config_.data.volumes.clear();
  config_.data.on_error = data::OnError::kSkip;
  config_.data.max_bad = 1;
  const PretrainData data = open_data(config_, read_lists(config_));
  EXPECT_EQ(data.images.files, 2);
  EXPECT_THAT(data.images.left_out, ElementsAre(HasSubstr("b.png")));
  EXPECT_EQ(data.images.sources[0].samples, 1);
}

TEST_F(Data, AWeightedListMustNotBecomeEmpty) {
  write_bytes(file("c.png"), "no image");
  config_.data.image_weights = {1, 1};
  config_.data.on_error = data::OnError::kSkip;
  config_.data.max_bad = 1;
  EXPECT_THAT(
      error_text<Error>([&] { open_data(config_, read_lists(config_)); }),
      HasSubstr("data.image_weights"));
}

TEST_F(Data, TheCacheLiesBesideTheRun) {
  EXPECT_EQ(cache_folder(config_), file("cache"));
  config_.data.cache = file("elsewhere");
  EXPECT_EQ(cache_folder(config_), file("elsewhere"));
}

}  // namespace
}  // namespace unimiss::pretrain
