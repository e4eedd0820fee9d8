#include "pretrain/preparation.h"

#include <gmock/gmock.h>

#include "pretrain/toy_pretrain.h"
#include "testing/error_text.h"
#include "testing/state_difference.h"
#include "unimiss/config/config_file.h"
#include "unimiss/core/error.h"

namespace unimiss::pretrain {
namespace {

using testing::error_text;
using ::testing::HasSubstr;

class Preparation : public testing::ToyPretrain {
 protected:
  PreparedPretraining prepare(const train::Beginning& beginning = {}) {
    const train::RunFolder folder(config_.run.output);
    return prepare_pretraining(config_, beginning, folder, alone_);
  }
  train::Beginning from(const train::Checkpoint& checkpoint) const {
    return {torch::kCPU, checkpoint};
  }
  /// As a run would have saved it with this configuration.
  train::Checkpoint saved(const PreparedPretraining& run, int64_t step) const {
    train::Checkpoint checkpoint = make_checkpoint(run, step);
    checkpoint.texts.merge(
        train::checkpoint_texts(config::saved_text(config_), torch::kCPU));
    return checkpoint;
  }

  distributed::Communicator alone_;
};

TEST_F(Preparation, AScheduleReachesEachKindOfData) {
  const Schedule both = make_schedule(config_, 3, 4);
  EXPECT_EQ(both.total_steps(), 6);
  EXPECT_EQ(both.at(0).rank, 2);
  config_.run.max_steps = 1;
  EXPECT_THAT(error_text<ConfigError>([&] { make_schedule(config_, 3, 4); }),
              HasSubstr("ends the run before its first volume"));
  EXPECT_EQ(make_schedule(config_, 3, 0).total_steps(), 1);
  EXPECT_EQ(make_schedule(config_, 0, 4).at(0).rank, 3);
}

TEST_F(Preparation, APretrainerFollowsTheConfiguration) {
  config_.run.precision = Precision::kBf16;
  config_.loss.objective.student_temperature = 0.3;
  config_.optimizer.clip = 0.25;
  const PretrainerOptions options = pretrainer_options(config_, torch::kCPU);
  EXPECT_EQ(options.model.widths, config_.model.widths);
  EXPECT_EQ(options.head.prototypes, 32);
  EXPECT_EQ(options.objective.student_temperature, 0.3);
  EXPECT_EQ(options.optimizer.clip, 0.25);
  EXPECT_EQ(options.precision, Precision::kBf16);
}

TEST_F(Preparation, ARunGoesOnFromItsCheckpoint) {
  PreparedPretraining first = prepare();
  EXPECT_EQ(first.begins_at, 0);
  EXPECT_EQ(first.data.images.files, 3);
  first.position = {3, 1, 2};
  const train::Checkpoint start = saved(first, 4);

  config_.run.seed = 8;  // other weights, were they not those of the checkpoint
  PreparedPretraining other = prepare();
  EXPECT_GT(testing::relative_difference(other.pretrainer->state(),
                                         first.pretrainer->state()),
            0);
  config_.run.seed = 7;
  const PreparedPretraining later = prepare(from(start));
  EXPECT_EQ(later.begins_at, 4);
  EXPECT_EQ(later.position.batches_2d, 3);
  EXPECT_EQ(later.position.batches_3d, 1);
  EXPECT_EQ(later.position.nonfinite, 2);
  EXPECT_EQ(testing::relative_difference(later.pretrainer->state(),
                                         first.pretrainer->state()),
            0);
}

TEST_F(Preparation, AnotherRunIsNotGoneOnWith) {
  const train::Checkpoint start = saved(prepare(), 2);
  PretrainConfig kept = config_;
  config_.run.seed = 8;
  EXPECT_THAT(error_text<ConfigError>([&] { prepare(from(start)); }),
              HasSubstr("run.seed"));
  config_ = kept;
  testing::write_bytes(file("images.txt"), "b.png\na.png\n");
  EXPECT_THAT(error_text<ConfigError>([&] { prepare(from(start)); }),
              HasSubstr("data.images"));
}

TEST_F(Preparation, ProcessesShareBatchesEqually) {
  check_processes(config_, 1);
  config_.data.volumes.clear();
  check_processes(config_, 2);
  EXPECT_THAT(error_text<ConfigError>([&] { check_processes(config_, 3); }),
              HasSubstr("data.batch_size_2d: must be a multiple of 3"));
}

}  // namespace
}  // namespace unimiss::pretrain
