#include "unimiss/train/run_loop.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include "testing/error_text.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

// Of its own: the tests bear the name of the class.
namespace unimiss::train::run_loop_test {
namespace {

using ::testing::HasSubstr;

/// Samples that hold their number; from one of them on they cannot be read.
class Numbers : public data::Dataset {
 public:
  explicit Numbers(int64_t broken) : broken_(broken) {}
  int64_t size() const override { return 100; }
  augment::Sample sample(int64_t /*index*/, Random& /*random*/) const override {
    if (drawn_++ == broken_) throw DataError("file", "is damaged");
    return {{at::ones({1}), at::ones({1})}, {}};
  }
  std::string source(int64_t index) const override {
    return std::to_string(index);
  }

 private:
  int64_t broken_;
  mutable int64_t drawn_ = 0;
};

/// Counts its steps; one of them may not be finite, or throw midway.
class Counting : public Training {
 public:
  int64_t nonfinite_step = -1, failing_step = -1;

  explicit Counting(int64_t broken_sample = -1)
      : Training(0),
        loader_(std::make_shared<Numbers>(broken_sample), options()) {}

  int64_t total_steps() const override { return 6; }
  int64_t& nonfinite() override { return nonfinite_; }
  torch::Device device() const override { return torch::kCPU; }
  int64_t state_bytes() const override { return 8; }
  int64_t result_bytes() const override { return 0; }
  Facts facts() const override { return {}; }
  Checkpoint checkpoint() const override {
    return {step(), {}, {}, {{"sum", sum_.clone()}}};
  }
  void start() override {}
  data::Loader& stream(int64_t /*ahead*/) override { return loader_; }
  TakenStep take_step(const augment::Sample& batch) override {
    if (step() == nonfinite_step) return {{}, StepOutcome::kNonFinite};
    sum_ += batch.images[0].sum();
    if (step() == failing_step) throw RunError("midway");
    return {};
  }

 private:
  static data::LoaderOptions options() {
    data::LoaderOptions options;
    options.workers = 0;
    return options;
  }
  data::Loader loader_;
  torch::Tensor sum_ = at::zeros({}, torch::kDouble);
  int64_t nonfinite_ = 0;
};

struct NoHistory : RunHistory {
  std::vector<StepRecord> records;
  void add(const StepRecord& record) override { records.push_back(record); }
  void write_picture(const std::string& /*path*/) const override {}
};

class RunLoop : public ::testing::Test {
 protected:
  /// The message that ended the run; "no error": its end.
  std::string run(Counting& training) {
    options_.output = folder_.file("run");
    std::string message;
    {
      // Its end waits for what is being written.
      train::RunLoop loop(options_, request_);
      loop.begin(training, history_);
      message =
          unimiss::testing::error_text<Error>([&] { loop.train(training); });
    }
    newest_ = CheckpointFolder(options_.output + "/checkpoints", {})
                  .newest()
                  .checkpoint;
    return message;
  }

  testing::TemporaryDirectory folder_;
  RunOptions options_;
  RunRequest request_;
  NoHistory history_;
  std::optional<Checkpoint> newest_;
};

TEST_F(RunLoop, TakesAllStepsAndKeepsTheLast) {
  Counting training;
  EXPECT_EQ(run(training), "no error");
  ASSERT_TRUE(newest_);
  EXPECT_EQ(newest_->step, 6);
  EXPECT_EQ(newest_->tensors.at("sum").item<double>(), 6);
  ASSERT_EQ(history_.records.size(), 6u);
  EXPECT_EQ(history_.records[2].step, 3);
  EXPECT_EQ(history_.records[2].samples, 1);
}

TEST_F(RunLoop, BeginsWhereTheRunEnded) {
  options_.output = folder_.file("run");
  torch::Tensor drawn;
  {
    train::RunLoop loop(options_, request_);
    at::manual_seed(1);  // wherever the generator stands
    const Beginning fresh = loop.beginning();
    EXPECT_EQ(fresh.step(), 0);
    EXPECT_FALSE(fresh.start);
    drawn = at::rand({3});  // weights, such as those of any start
    Counting training;
    loop.run(training);
  }
  train::RunLoop loop(options_, request_);
  at::manual_seed(2);
  const Beginning later = loop.beginning();
  EXPECT_EQ(later.step(), 6);
  EXPECT_EQ(later.start->tensors.at("sum").item<double>(), 6);
  EXPECT_TRUE(at::rand({3}).equal(drawn));
}

TEST_F(RunLoop, DataThatCannotBeReadLosesNoStep) {
  Counting training(/*broken_sample=*/4);
  EXPECT_THAT(run(training), HasSubstr("is damaged"));
  ASSERT_TRUE(newest_);
  EXPECT_EQ(newest_->step, 4);
  EXPECT_EQ(newest_->tensors.at("sum").item<double>(), 4);
}

TEST_F(RunLoop, AStepThatFailedMidwayIsNotSaved) {
  options_.checkpoint_every_steps = 2;
  Counting training;
  training.failing_step = 3;
  EXPECT_THAT(run(training), HasSubstr("midway"));
  ASSERT_TRUE(newest_);
  EXPECT_EQ(newest_->step, 2);
}

TEST_F(RunLoop, AStepThatIsNotFiniteEndsTheRunOrIsSkipped) {
  Counting training;
  training.nonfinite_step = 2;
  EXPECT_THAT(run(training), HasSubstr("is not finite"));
  ASSERT_TRUE(newest_);
  EXPECT_EQ(newest_->step, 2);

  options_.on_nonfinite = OnNonFinite::kSkip;
  Counting going_on;
  going_on.nonfinite_step = 2;
  history_.records.clear();
  EXPECT_EQ(run(going_on), "no error");
  EXPECT_EQ(going_on.nonfinite(), 1);
  EXPECT_EQ(history_.records.at(2).skipped, kSkippedNonFinite);
  EXPECT_EQ(newest_->tensors.at("sum").item<double>(), 5);
}

}  // namespace
}  // namespace unimiss::train::run_loop_test
