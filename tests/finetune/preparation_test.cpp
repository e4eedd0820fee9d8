#include "finetune/preparation.h"

#include <gmock/gmock.h>

#include "finetune/toy_cases.h"
#include "testing/error_text.h"
#include "testing/state_difference.h"
#include "unimiss/config/config_file.h"
#include "unimiss/core/error.h"

namespace unimiss::finetune {
namespace {

using testing::error_text;
using ::testing::HasSubstr;
using testing::relative_difference;

class Preparation : public testing::ToyCases {
 protected:
  PreparedFinetuning prepare(const train::Beginning& beginning = {}) {
    const train::RunFolder folder(config_.run.output);
    return prepare_finetuning(config_, beginning, folder, alone_);
  }
  static train::Beginning from(const train::Checkpoint& checkpoint) {
    return {torch::kCPU, checkpoint};
  }
  /// As a run would have saved it with this configuration.
  train::Checkpoint saved(const PreparedFinetuning& run, int64_t step) const {
    train::Checkpoint checkpoint = make_checkpoint(run, step);
    checkpoint.texts.merge(
        train::checkpoint_texts(config::saved_text(config_), torch::kCPU));
    return checkpoint;
  }

  distributed::Communicator alone_;
};

TEST_F(Preparation, AnEpochIsTheCasesOrAsManySamplesAsAreSaid) {
  config_.data.batch_size = 4;
  EXPECT_EQ(make_schedule(config_, 6).steps_per_epoch(), 2);
  EXPECT_EQ(make_schedule(config_, 6).total_steps(), 4);
  config_.data.samples_per_epoch = 20;
  EXPECT_EQ(make_schedule(config_, 6).steps_per_epoch(), 5);
  config_.run.max_steps = 3;
  EXPECT_EQ(make_schedule(config_, 6).total_steps(), 3);
}

TEST_F(Preparation, AFinetunerFollowsTheConfiguration) {
  config_.validation.average_decay = 0.5;
  config_.init.linear_probe = true;
  config_.optimizer.weight_decay = 0.25;
  const FinetunerOptions options =
      finetuner_options(config_, config_.task.classes, torch::kCPU);
  EXPECT_EQ(options.task.outputs(), 3);
  EXPECT_EQ(options.average_decay, 0.5);
  EXPECT_TRUE(options.linear_probe);
  EXPECT_EQ(options.optimizer.weight_decay, 0.25);
}

TEST_F(Preparation, ARunGoesOnFromItsCheckpoint) {
  config_.validation.average_decay = 0.5;
  PreparedFinetuning first = prepare();
  EXPECT_EQ(first.begins_at, 0);
  first.position = {1, 3, 2, 1, 0.1};  // 0.1 has no finite binary form
  first.best = {{{"head.weight", at::ones({2})}}, "average"};
  const train::Checkpoint start = saved(first, 5);

  const PreparedFinetuning later = prepare(from(start));
  EXPECT_EQ(later.begins_at, 5);
  EXPECT_EQ(later.position.nonfinite, 1);
  EXPECT_EQ(later.position.validated, 3);
  EXPECT_EQ(later.position.best_step, 2);
  EXPECT_EQ(later.position.since_best, 1);
  EXPECT_EQ(later.position.best_score, 0.1);
  EXPECT_EQ(later.best.of, "average");
  EXPECT_TRUE(later.best.weights.at("head.weight").equal(at::ones({2})));
  EXPECT_EQ(
      relative_difference(later.finetuner->state(), first.finetuner->state()),
      0);
}

TEST_F(Preparation, AnotherRunIsNotGoneOnWith) {
  const train::Checkpoint start = saved(prepare(), 2);
  const FinetuneConfig kept = config_;
  config_.data.batch_size = 3;
  EXPECT_THAT(error_text<ConfigError>([&] { prepare(from(start)); }),
              HasSubstr("data.batch_size"));
  config_ = kept;
  list("train", 5);
  EXPECT_THAT(error_text<ConfigError>([&] { prepare(from(start)); }),
              HasSubstr("data.train"));
}

TEST_F(Preparation, WeightsAreThoseOfTheSeed) {
  const auto weights = [&] {
    return model::named_tensors(prepare().finetuner->network().module());
  };
  const auto first = weights();
  EXPECT_EQ(relative_difference(first, weights()), 0);
  config_.run.seed = 8;
  EXPECT_GT(relative_difference(first, weights()), 0);
}

TEST_F(Preparation, BatchesAreThoseOfTheConfiguration) {
  config_.data.batch_size = 3;
  const PreparedFinetuning run = prepare();
  const auto loader = make_loader(config_, run.data, torch::kCPU, {});
  const augment::Sample batch = loader->next();
  EXPECT_EQ(batch.images.at(0).sizes(), (std::vector<int64_t>{3, 1, 64, 64}));
  EXPECT_EQ(batch.target.sizes(), (std::vector<int64_t>{3, 64, 64}));
}

TEST_F(Preparation, ProcessesShareBatchesEqually) {
  config_.data.batch_size = 4;
  config_.optimizer.accumulate = 2;
  check_processes(config_, 2);
  EXPECT_THAT(error_text<ConfigError>([&] { check_processes(config_, 4); }),
              HasSubstr("data.batch_size: must be a multiple of 8"));
}

}  // namespace
}  // namespace unimiss::finetune
