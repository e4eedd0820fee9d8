#include "cli.h"

#include <gtest/gtest.h>
#include <malloc.h>
#include <stdlib.h>
#include <torch/types.h>

#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "unimiss/core/error.h"
#include "version.h"

namespace unimiss {
namespace {

struct Outcome {
  int status;
  std::string error;
};

Outcome run(const std::function<void()>& body) {
  ::testing::internal::CaptureStderr();
  const int status = run_app(body);
  return {status, ::testing::internal::GetCapturedStderr()};
}

TEST(Cli, TurnsExceptionsIntoExitStatuses) {
  EXPECT_EQ(run([] {}).status, 0);
  EXPECT_EQ(run([] { throw ConfigError("lr: too large"); }).status, 2);
  EXPECT_EQ(run([] { throw DataError("a.png", "damaged"); }).status, 1);
  EXPECT_EQ(run([] { throw RunError("loss is not finite"); }).status, 1);
  EXPECT_EQ(run([] { throw std::bad_alloc(); }).status, 1);
  EXPECT_EQ(run([] { throw std::logic_error("x"); }).status, 1);
  EXPECT_EQ(run([] { throw DataError("a.png", "damaged"); }).error,
            "error: a.png: damaged\n");
}

TEST(Cli, ShowsBugsWithoutTheirStackTrace) {
  unsetenv("TORCH_SHOW_CPP_STACKTRACES");
  const Outcome bug = run([] { TORCH_CHECK(false, "tokens do not match"); });
  EXPECT_EQ(bug.status, 1);
  EXPECT_NE(bug.error.find("tokens do not match"), std::string::npos);
  EXPECT_EQ(bug.error.find("frame #"), std::string::npos) << bug.error;
}

int parse(std::vector<std::string> words, bool& ran,
          std::string* output = nullptr) {
  CLI::App app("test");
  int count = 0;
  app.add_option("--count", count)->required();
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  ::testing::internal::CaptureStderr();
  ::testing::internal::CaptureStdout();
  const int status = run_app(app, static_cast<int>(arguments.size()),
                             arguments.data(), [&] { ran = count == 3; });
  ::testing::internal::GetCapturedStderr();
  const std::string said = ::testing::internal::GetCapturedStdout();
  if (output != nullptr) *output = said;
  return status;
}

TEST(Cli, ParsesTheCommandLineFirst) {
  bool ran = false;
  EXPECT_EQ(parse({"test", "--help"}, ran), 0);
  EXPECT_EQ(parse({"test"}, ran), 2);
  EXPECT_EQ(parse({"test", "--count", "x"}, ran), 2);
  EXPECT_EQ(parse({"test", "--count", "3", "--unknown"}, ran), 2);
  EXPECT_FALSE(ran);
  EXPECT_EQ(parse({"test", "--count", "3"}, ran), 0);
  EXPECT_TRUE(ran);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(Cli, TellsItsVersion) {
  bool ran = false;
  std::string output;
  EXPECT_EQ(parse({"test", "--version"}, ran, &output), 0);
  EXPECT_FALSE(ran);
  EXPECT_EQ(output, version_text() + "\n");
  for (const char* part : {"unimiss ", " (commit ", "\nLibTorch ", "\nCUDA ",
                           "\nCPU capability "}) {
    EXPECT_NE(output.find(part), std::string::npos) << output;
  }
  EXPECT_STRNE(source_commit(), "");
}

TEST(Cli, TunedAllocatorKeepsLargeBlocksOnTheHeap) {
  tune_allocator();
  const size_t mapped = mallinfo2().hblks;
  void* block = malloc(size_t{200} << 20);
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(mallinfo2().hblks, mapped);
  free(block);
  EXPECT_GE(mallinfo2().fordblks, size_t{200} << 20);  // kept, not returned
}
#endif

}  // namespace
}  // namespace unimiss
