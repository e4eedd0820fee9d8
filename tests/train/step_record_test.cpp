#include "unimiss/train/step_record.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "testing/files.h"
#include "testing/temporary_directory.h"

namespace unimiss::train {
namespace {

StepRecord record_of(int64_t step) {
  StepRecord record;
  record.step = step;
  record.phase = "3d";
  record.loss = 3;
  record.terms = {{"volume", 1}, {"slices", 2}};
  record.lr = 1e-3;
  record.weight_decay = 0.04;
  record.grad_norm = 0.5;
  record.diagnostics = {{"momentum", 0.996}, {"teacher_entropy", 2}};
  record.samples = 4;
  record.seconds = 2;
  record.wait_seconds = 0.5;
  record.queue_depth = 1;
  record.peak_memory_mb = 100;
  return record;
}

TEST(StepRecord, ComesBackFromTheLog) {
  const testing::TemporaryDirectory folder;
  const std::string path = folder.file("metrics.jsonl");
  StepRecord last = record_of(3);
  last.loss = last.grad_norm = std::numeric_limits<double>::quiet_NaN();
  last.skipped = kSkippedNonFinite;
  {
    MetricLog log(path);
    log.write(record_of(1).metrics());
    log.write(record_of(2).metrics());
    log.write(last.metrics());
    log.sync();
  }
  const auto kept = MetricLog::keep_until(path, 3);
  ASSERT_EQ(kept.size(), 3u);
  const auto read = StepRecord::of(kept[1]);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->metrics(), record_of(2).metrics());
  const auto skipped = StepRecord::of(kept[2]);
  ASSERT_TRUE(skipped);
  EXPECT_TRUE(std::isnan(skipped->loss));
  EXPECT_EQ(skipped->skipped, kSkippedNonFinite);
  EXPECT_FALSE(StepRecord::of({{"step", int64_t{1}}}));
}

TEST(StepRecord, TermsAndDiagnosticsHaveNames) {
  const testing::TemporaryDirectory folder;
  const std::string path = folder.file("metrics.jsonl");
  StepRecord record = record_of(1);
  record.processes.emplace();
  MetricLog(path).write(record.metrics());
  EXPECT_THAT(testing::read_bytes(path),
              ::testing::HasSubstr(
                  R"("loss":3.0,"loss/volume":1.0,"loss/slices":2.0,"lr":)"));
  const auto read = StepRecord::of(MetricLog::keep_until(path, 1).at(0));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->terms, record.terms);
  EXPECT_EQ(read->diagnostics, record.diagnostics);
  EXPECT_EQ(read->diagnostic("momentum"), 0.996);
  EXPECT_EQ(read->diagnostic("volume"), std::nullopt);
}

/// As unimiss 0.1 wrote them: a run that goes on may hold both.
TEST(StepRecord, OlderRecordsHoldBareTerms) {
  const testing::TemporaryDirectory folder;
  const std::string path = folder.file("metrics.jsonl");
  testing::write_bytes(
      path,
      R"({"step":1,"phase":"3d","loss":3.0,"volume":1.0,"slices":2.0,)"
      R"("lr":0.001,"weight_decay":0.04,"momentum":0.996,"grad_norm":0.5,)"
      R"("teacher_entropy":2.0,"samples":4,"seconds":2.0,"queue_depth":1,)"
      R"("peak_memory_mb":100,"samples_per_second":2.0,"data_wait":0.25})"
      "\n");
  const auto read = StepRecord::of(MetricLog::keep_until(path, 1).at(0));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->metrics(), record_of(1).metrics());
}

TEST(StepRecord, TheRateAndTheWaitAreTold) {
  const Metrics metrics = record_of(1).metrics();
  EXPECT_THAT(metrics, ::testing::Contains(::testing::Pair("samples_per_second",
                                                           MetricValue(2.0))));
  EXPECT_THAT(metrics, ::testing::Contains(
                           ::testing::Pair("data_wait", MetricValue(0.25))));
}

TEST(StepRecord, ALogIsCutWhereTheRunGoesOn) {
  const testing::TemporaryDirectory folder;
  const std::string path = folder.file("metrics.jsonl");
  EXPECT_TRUE(MetricLog::keep_until(path, 3).empty());
  {
    MetricLog log(path);
    for (int64_t step = 1; step <= 5; ++step) {
      log.write(record_of(step).metrics());
    }
  }
  const std::string whole = testing::read_bytes(path);
  // Killed within a line.
  testing::write_bytes(path, whole.substr(0, whole.size() - 7));
  EXPECT_EQ(MetricLog::keep_until(path, 9).size(), 4u);
  EXPECT_EQ(MetricLog::keep_until(path, 2).size(), 2u);
  const std::string cut = testing::read_bytes(path);
  EXPECT_EQ(cut, whole.substr(0, cut.size()));
  EXPECT_EQ(cut.back(), '\n');
  MetricLog(path).write(record_of(3).metrics());
  EXPECT_EQ(MetricLog::keep_until(path, 9).size(), 3u);
}

TEST(StepRecord, ADamagedLineCostsItsStepAlone) {
  const testing::TemporaryDirectory folder;
  const std::string path = folder.file("metrics.jsonl");
  {
    MetricLog log(path);
    for (int64_t step = 1; step <= 4; ++step) {
      log.write(record_of(step).metrics());
    }
  }
  std::string text = testing::read_bytes(path);
  text[text.find('\n') + 3] = '\xff';
  testing::write_bytes(path, text);
  EXPECT_EQ(MetricLog::keep_until(path, 4).size(), 3u);
  EXPECT_EQ(testing::read_bytes(path + ".damaged"), text);
  EXPECT_EQ(MetricLog::keep_until(path, 4).size(), 3u);
}

}  // namespace
}  // namespace unimiss::train
