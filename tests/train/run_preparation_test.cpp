#include "unimiss/train/run_preparation.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include "testing/temporary_directory.h"

namespace unimiss::train {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(RunPreparation, EachStepAndProcessHasDrawsOfItsOwn) {
  const auto drawn = [](int64_t step, int64_t rank) {
    seed_step({}, step, rank);
    return at::rand({4});
  };
  EXPECT_TRUE(drawn(3, 0).equal(drawn(3, 0)));
  EXPECT_FALSE(drawn(3, 0).equal(drawn(4, 0)));
  EXPECT_FALSE(drawn(3, 0).equal(drawn(3, 1)));
}

TEST(RunPreparation, ANewRunBeginsAtItsFirstStep) {
  const testing::TemporaryDirectory place;
  RunOptions options;
  options.device = DeviceChoice::kCpu;
  options.output = place.file("run");
  const CheckpointFolder checkpoints(place.file("run/checkpoints"), {});
  {
    RunFolder folder(options.output);
    const Beginning fresh = begin_run(options, {}, folder, checkpoints);
    EXPECT_EQ(fresh.step(), 0);
    EXPECT_FALSE(fresh.start);
    EXPECT_EQ(fresh.device, torch::kCPU);
    folder.lock();
    folder.begin({}, "");
    checkpoints.save({5, {}, checkpoint_texts("x: 1\n", fresh.device), {}});
  }
  RunFolder folder(options.output);
  const Beginning later = begin_run(options, {}, folder, checkpoints);
  EXPECT_EQ(later.step(), 5);
  EXPECT_EQ(later.start->texts.at(kCheckpointConfig), "x: 1\n");
  EXPECT_THAT([&] { check_start(*later.start, 4, torch::kCPU); },
              ThrowsMessage<ConfigError>(HasSubstr("5 are done already")));
}

TEST(RunPreparation, HalfPrecisionNeedsAGpu) {
  RunOptions options;
  options.precision = Precision::kFp16;
  EXPECT_THAT([&] { set_up_process(options, torch::kCPU); },
              ThrowsMessage<ConfigError>(HasSubstr("run.precision")));
}

TEST(RunPreparation, OtherFilesAreNotTheRuns) {
  Checkpoint start;
  start.texts["images"] = "2 files, 01";
  check_files(start, "images", "2 files, 01");
  EXPECT_THAT([&] { check_files(start, "images", "3 files, 02"); },
              ThrowsMessage<ConfigError>(HasSubstr("data.images")));
}

TEST(RunPreparation, ProcessesShareABatchEqually) {
  check_shares(12, "data.batch_size", 3, 2);
  check_shares(7, "data.batch_size", 3, 1);
  EXPECT_THAT([] { check_shares(12, "data.batch_size", 3, 3); },
              ThrowsMessage<ConfigError>(HasSubstr("a multiple of 9")));
  data::LoaderOptions options;
  share_batches(options, RunOptions{.process_timeout = 10}, {});
  EXPECT_EQ(options.stall_seconds, 0);
  distributed::World world;
  world.rank = 1;
  world.size = 4;
  share_batches(options, RunOptions{.process_timeout = 10}, world);
  EXPECT_EQ(options.rank, 1);
  EXPECT_EQ(options.world, 4);
  EXPECT_EQ(options.stall_seconds, 300);
  EXPECT_EQ(begin_of(world), 0.25);
}

TEST(RunPreparation, TheCacheLiesBesideTheRun) {
  EXPECT_EQ(cache_folder("", "/data/runs/one"), "/data/runs/cache");
  EXPECT_EQ(cache_folder("", "/data/runs/one/"), "/data/runs/cache");
  EXPECT_EQ(cache_folder("/ssd", "/data/runs/one"), "/ssd");
}

}  // namespace
}  // namespace unimiss::train
