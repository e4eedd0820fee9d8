#include "unimiss/task/final_weights.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "testing/files.h"
#include "testing/temporary_directory.h"

namespace unimiss::task {
namespace {

TEST(FinalWeights, AreTheBestWhereThereAreSuch) {
  const testing::TemporaryDirectory run;
  std::filesystem::create_directories(run.file("export"));
  const auto file = [&](const FinalWeightOptions& options) {
    return final_weights_file(run.file(""), options);
  };
  const auto exported = [&](const char* name) {
    return run.file("") + "/export/" + name + ".safetensors";
  };
  // What is there before the run has ended does not count.
  testing::write_bytes(exported("best"), "x");
  EXPECT_EQ(file({}), exported("last"));
  testing::write_bytes(exported("last"), "x");
  EXPECT_EQ(file({}), exported("best"));
  EXPECT_EQ(file({0, FinalWeights::kLast}), exported("last"));
  EXPECT_EQ(file({0.9, FinalWeights::kLast}), exported("last_average"));
  std::filesystem::remove(exported("best"));
  EXPECT_EQ(file({}), exported("last"));
  EXPECT_EQ(file({0.9, FinalWeights::kBest}), exported("last_average"));
}

}  // namespace
}  // namespace unimiss::task
