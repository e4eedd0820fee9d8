#include "unimiss/distributed/world.h"

#include <gmock/gmock.h>

#include <map>

#include "testing/error_text.h"
#include "unimiss/core/error.h"

namespace unimiss::distributed {
namespace {

using ::testing::HasSubstr;

using Environment = std::map<std::string, std::string>;

World world_of(const Environment& environment) {
  return world_from([&](const std::string& name) -> std::optional<std::string> {
    const auto found = environment.find(name);
    if (found == environment.end()) return std::nullopt;
    return found->second;
  });
}

std::string error_of(const Environment& environment) {
  return unimiss::testing::error_text<ConfigError>(
      [&] { world_of(environment); });
}

TEST(World, IsOneProcessWithoutALauncher) {
  const World world = world_of({{"MASTER_ADDR", "elsewhere"}});
  EXPECT_EQ(world.rank, 0);
  EXPECT_EQ(world.size, 1);
  EXPECT_EQ(world.address, "127.0.0.1");
  // A batch step of SLURM, where a launcher of our own is called.
  EXPECT_EQ(world_of({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}}).size, 1);
}

TEST(World, IsAsTorchrunSays) {
  const World world = world_of({{"RANK", "5"},
                                {"WORLD_SIZE", "8"},
                                {"LOCAL_RANK", "1"},
                                {"LOCAL_WORLD_SIZE", "4"},
                                {"MASTER_ADDR", "gpu7"},
                                {"MASTER_PORT", "1234"},
                                {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                                {"TORCHELASTIC_RESTART_COUNT", "2"},
                                {"SLURM_PROCID", "1"},
                                {"SLURM_STEP_NUM_TASKS", "2"}});
  EXPECT_EQ(world.rank, 5);
  EXPECT_EQ(world.size, 8);
  EXPECT_EQ(world.local_rank, 1);
  EXPECT_EQ(world.local_size, 4);
  EXPECT_EQ(world.address, "gpu7");
  EXPECT_EQ(world.port, 1234);
  EXPECT_TRUE(world.agent_store);
  EXPECT_EQ(world.attempt, "2");
}

TEST(World, IsAsSrunSays) {
  const Environment task{{"SLURM_PROCID", "9"},
                         {"SLURM_STEP_NUM_TASKS", "12"},
                         {"SLURM_LOCALID", "1"},
                         {"SLURM_STEP_TASKS_PER_NODE", "8,4"},
                         {"SLURM_STEP_NODELIST", "gpu[03-04],big"},
                         {"SLURM_JOB_ID", "70123"},
                         {"SLURM_STEP_ID", "1"}};
  const World world = world_of(task);
  EXPECT_EQ(world.rank, 9);
  EXPECT_EQ(world.size, 12);
  EXPECT_EQ(world.local_rank, 1);
  EXPECT_EQ(world.local_size, 8);
  EXPECT_EQ(world.address, "gpu03");
  EXPECT_GE(world.port, 20000);
  EXPECT_FALSE(world.agent_store);
  Environment next = task;
  next["SLURM_STEP_ID"] = "2";
  EXPECT_NE(world_of(next).port, world.port);
  next["MASTER_PORT"] = "555";
  next["MASTER_ADDR"] = "here";
  EXPECT_EQ(world_of(next).port, 555);
  EXPECT_EQ(world_of(next).address, "here");
}

TEST(World, FindsTheFirstOfSlurmsHosts) {
  EXPECT_EQ(first_host("node"), "node");
  EXPECT_EQ(first_host("a,b"), "a");
  EXPECT_EQ(first_host("gpu[03-05,9],login"), "gpu03");
  EXPECT_EQ(first_host("gpu[7]"), "gpu7");
  EXPECT_EQ(first_host("rack[1-2]gpu[03,5]"), "rack1gpu03");
  EXPECT_EQ(first_host("gpu[1-2].site,other[3]"), "gpu1.site");
}

TEST(World, RefusesWhatContradictsItself) {
  EXPECT_THAT(error_of({{"RANK", "1"}}), HasSubstr("WORLD_SIZE: is not set"));
  EXPECT_THAT(error_of({{"WORLD_SIZE", "2"}}), HasSubstr("RANK: is not set"));
  EXPECT_THAT(error_of({{"RANK", "2"}, {"WORLD_SIZE", "2"}}),
              HasSubstr("RANK: must be less than WORLD_SIZE (is 2, of 2)"));
  EXPECT_THAT(error_of({{"RANK", "one"}, {"WORLD_SIZE", "2"}}),
              HasSubstr("RANK: must be a whole number"));
  EXPECT_THAT(
      error_of({{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_PORT", "70000"}}),
      HasSubstr("MASTER_PORT: must be from 1 to 65535"));
  EXPECT_THAT(error_of({{"RANK", "0"},
                        {"WORLD_SIZE", "2"},
                        {"LOCAL_RANK", "1"},
                        {"LOCAL_WORLD_SIZE", "1"}}),
              HasSubstr("LOCAL_RANK"));
  Environment task{{"SLURM_PROCID", "2"},
                   {"SLURM_STEP_NUM_TASKS", "2"},
                   {"SLURM_STEP_TASKS_PER_NODE", "2"}};
  EXPECT_THAT(error_of(task),
              HasSubstr("SLURM_LOCALID: is not set, but SLURM"));
  task["SLURM_LOCALID"] = "0";
  EXPECT_THAT(error_of(task),
              HasSubstr("SLURM_PROCID: must be less than SLURM_STEP_NUM_TASKS "
                        "(is 2, of 2)"));
}

}  // namespace
}  // namespace unimiss::distributed
