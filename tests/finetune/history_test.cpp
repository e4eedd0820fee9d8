#include "finetune/history.h"

#include <gmock/gmock.h>

#include <cmath>

#include "finetune/toy_finetune.h"
#include "testing/temporary_directory.h"
#include "unimiss/io/image.h"

// Of its own: the tests bear the name of the class.
namespace unimiss::finetune::history_test {
namespace {

using augment::TargetKind;
using unimiss::testing::toy_batch;
using unimiss::testing::toy_finetune;

task::TaskSpec spec_of(TargetKind target) {
  const FinetuneConfig config = toy_finetune(target);
  return config.task_spec(config.task.classes);
}

train::StepRecord record_of(int64_t step) {
  train::StepRecord record;
  record.step = step;
  record.phase = "2d";
  record.loss = step == 2 ? NAN : 1.0 / static_cast<double>(step);
  record.lr = 1e-3;
  record.samples = 4;
  record.seconds = 2;
  record.wait_seconds = 0.5;
  record.peak_memory_mb = 100 - step;
  return record;
}

TEST(History, SummarizesItsSteps) {
  finetune::History history(spec_of(TargetKind::kLabelMap), 5);
  for (int64_t step = 1; step <= 10; ++step) history.add(record_of(step));
  Summary summary;
  history.describe(summary);
  EXPECT_EQ(summary.steps, 10);
  EXPECT_EQ(summary.seconds, 20);
  EXPECT_EQ(summary.samples_per_second, 2);
  EXPECT_EQ(summary.data_wait, 0.25);
  EXPECT_EQ(summary.peak_memory_mb, 99);
  EXPECT_EQ(summary.processes, "");
}

TEST(History, ThePictureGrowsByWhatThereIs) {
  const unimiss::testing::TemporaryDirectory place;
  const auto height = [&](const finetune::History& history) {
    history.write_picture(place.file("progress.png"));
    return io::read_pixels(place.file("progress.png")).size(1);
  };
  finetune::History history(spec_of(TargetKind::kLabelMap), 5);
  for (int64_t step = 1; step <= 4; ++step) history.add(record_of(step));
  const int64_t loss_and_rate = height(history);
  history.add(record_of(5));  // the first whole epoch has a time
  const int64_t with_epoch = height(history);
  EXPECT_GT(with_epoch, loss_and_rate);
  history.add_other({{"step", int64_t{5}},
                     {"phase", std::string(kValidationPhase)},
                     {"seconds", 3.0}});  // no score
  EXPECT_EQ(height(history), with_epoch);
  history.add_other({{"step", int64_t{5}},
                     {"phase", std::string(kValidationPhase)},
                     {"dice", 0.5}});
  const int64_t with_scores = height(history);
  EXPECT_GT(with_scores, with_epoch);
  history.add_batch(toy_batch(TargetKind::kLabelMap, 2));
  EXPECT_GT(height(history), with_scores);
}

TEST(History, KeepsTheFirstTwoBatches) {
  const unimiss::testing::TemporaryDirectory place;
  finetune::History history(spec_of(TargetKind::kClass), 5);
  const auto bytes = [&] {
    history.write_picture(place.file("progress.png"));
    return io::read_pixels(place.file("progress.png"));
  };
  at::manual_seed(1);
  augment::Sample batch = toy_batch(TargetKind::kClass, 2);
  history.add_batch(batch);
  const torch::Tensor kept = bytes();
  batch.images[0].zero_();  // the loader's memory is used again
  EXPECT_TRUE(bytes().equal(kept));
  history.add_batch(toy_batch(TargetKind::kClass, 2));
  const torch::Tensor both = bytes();
  history.add_batch(toy_batch(TargetKind::kClass, 2));
  EXPECT_TRUE(bytes().equal(both));
}

TEST(History, SamplesAreDrawnForEachKindOfTask) {
  at::manual_seed(2);
  for (const TargetKind target :
       {TargetKind::kLabelMap, TargetKind::kStructures, TargetKind::kClass,
        TargetKind::kClasses}) {
    const torch::Tensor picture =
        draw_samples({toy_batch(target, 3)}, spec_of(target));
    EXPECT_EQ(picture.size(0), 3);
    EXPECT_GT(picture.size(2), 3 * 64);
    // Labels are drawn in colours, classes told in words.
    EXPECT_NE(picture[0].equal(picture[1]),
              spec_of(target).target.is_segmentation());
  }
}

}  // namespace
}  // namespace unimiss::finetune::history_test
