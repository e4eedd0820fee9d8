#include "train/run_writer.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

// Of its own: the tests bear the name of the class.
namespace unimiss::train::run_writer_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Stands at a step.
class Standing : public Training {
 public:
  explicit Standing(int64_t step) : Training(step) {}
  int64_t total_steps() const override { return 100; }
  Checkpoint checkpoint() const override {
    if (failing) throw RunError("no state");
    return {step(), {}, {}, {{"weights", at::ones({2})}}};
  }
  data::Loader& stream(int64_t /*ahead*/) override {
    throw RunError("has no data");
  }
  TakenStep take_step(const augment::Sample& /*batch*/) override { return {}; }

  bool failing = false;
};

class RunWriter : public ::testing::Test {
 protected:
  RunWriter() : folder_(place_.file("run")) {
    folder_.lock();
    folder_.begin({}, "");
    options_.checkpoint_every_minutes = 0;
  }

  std::unique_ptr<train::RunWriter> writer_of() const {
    return std::make_unique<train::RunWriter>(options_, request_, checkpoints_);
  }
  /// One that leads, in the folder.
  std::unique_ptr<train::RunWriter> leader() {
    auto writer = writer_of();
    writer->open(std::make_unique<RunOutput>(folder_, 0, 100, history_));
    writer->start_checkpoints();
    return writer;
  }
  std::string records() const {
    return unimiss::testing::read_bytes(place_.file("run/metrics.jsonl"));
  }
  static StepRecord record_of(int64_t step) {
    StepRecord record;
    record.step = step;
    record.phase = "toy";
    return record;
  }

  unimiss::testing::TemporaryDirectory place_;
  RunOptions options_;
  RunRequest request_{.config_text = "lr: 1\n"};
  CheckpointFolder checkpoints_{place_.file("run/checkpoints"), {}};
  RunFolder folder_;
  RunHistory history_;
};

TEST_F(RunWriter, ARecordIsWrittenBeforeTheCheckpointThatHoldsIt) {
  const auto writer = leader();
  writer->record() = record_of(5);
  EXPECT_THAT(records(), Not(HasSubstr("toy")));
  writer->write(Standing(5));
  EXPECT_FALSE(writer->record());
  EXPECT_THAT(records(), HasSubstr(R"("step":5,"phase":"toy")"));
  writer->wait();
  const Checkpoint written = checkpoints_.newest().checkpoint.value();
  EXPECT_EQ(written.step, 5);
  EXPECT_EQ(written.texts.at(kCheckpointConfig), "lr: 1\n");
  EXPECT_EQ(written.texts.at("device"), "cpu");
  EXPECT_GT(writer->seconds_to_save(), 1);
}

TEST_F(RunWriter, CheckpointsAreDueBySteps) {
  train::RunWriter writer(options_, request_, checkpoints_);
  EXPECT_FALSE(writer.checkpoint_due(6));
  options_.checkpoint_every_steps = 3;
  EXPECT_TRUE(writer.checkpoint_due(6));
  EXPECT_FALSE(writer.checkpoint_due(7));
  options_.checkpoint_every_minutes = 1e-9;
  EXPECT_TRUE(writer.checkpoint_due(7));
}

TEST_F(RunWriter, KnowsWhetherWhatThereIsIsSaved) {
  train::RunWriter writer(options_, request_, checkpoints_);
  EXPECT_FALSE(writer.is_saved());
  writer.set_saved();
  EXPECT_TRUE(writer.is_saved());
  writer.changed();
  EXPECT_FALSE(writer.is_saved());
}

TEST_F(RunWriter, GuessesHowLongSavingTakesBeforeTheFirstTime) {
  train::RunWriter writer(options_, request_, checkpoints_);
  writer.set_state_bytes(500'000'000);
  EXPECT_EQ(writer.seconds_to_save(), 11);
}

TEST_F(RunWriter, OneThatDoesNotLeadWritesNothing) {
  train::RunWriter writer(options_, request_, checkpoints_);
  writer.record() = record_of(5);
  writer.write(Standing(5));
  EXPECT_FALSE(writer.record());
  writer.check();
  writer.wait();
  writer.save_what_there_is(Standing(5));
  EXPECT_TRUE(checkpoints_.steps().empty());
}

TEST_F(RunWriter, AfterAFailureTheLastGoodStepIsSaved) {
  const auto writer = leader();
  writer->changed();
  writer->record() = record_of(7);
  writer->save_what_there_is(Standing(7));
  EXPECT_EQ(checkpoints_.newest().checkpoint->step, 7);
  EXPECT_THAT(records(), HasSubstr(R"("step":7)"));
}

TEST_F(RunWriter, HalfAStepIsNotSaved) {
  const auto writer = leader();
  writer->changed();
  writer->set_torn();
  writer->save_what_there_is(Standing(7));
  EXPECT_TRUE(checkpoints_.steps().empty());
  writer->set_whole();
  writer->save_what_there_is(Standing(0));  // nothing has been done
  EXPECT_TRUE(checkpoints_.steps().empty());
}

TEST_F(RunWriter, WhatCouldNotBeWrittenIsNotTakenForSaved) {
  const auto writer = leader();
  Standing training(3);
  training.failing = true;
  writer->set_saved();
  EXPECT_EQ(
      unimiss::testing::error_text<RunError>([&] { writer->write(training); }),
      "no state");
  EXPECT_FALSE(writer->is_saved());

  // Nor by the thread: a file is where the folder should be.
  std::filesystem::remove_all(place_.file("run/checkpoints"));
  unimiss::testing::write_bytes(place_.file("run/checkpoints"), "");
  training.failing = false;
  writer->write(training);
  writer->set_saved();
  EXPECT_THAT(unimiss::testing::error_text<DataError>([&] { writer->wait(); }),
              HasSubstr("checkpoints"));
  EXPECT_FALSE(writer->is_saved());
}

}  // namespace
}  // namespace unimiss::train::run_writer_test
