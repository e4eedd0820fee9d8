#include "train/event_format.h"

#include <gtest/gtest.h>

#include <limits>

#include "testing/files.h"

namespace unimiss::train {
namespace {

TEST(EventFormat, ChecksumsAreThoseOfRfc3720) {
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
}

// scripts/make_event_golden.py names the same events.
TEST(EventFormat, BytesAreThoseOfTensorBoard) {
  const std::vector<std::string> events{
      version_event(1700000000.25),
      scalars_event(1700000001, 0, {{"loss/2d", 0.0f}}),
      scalars_event(1700000002.5, 1,
                    {{"loss/3d", -1.5f}, {"grad_norm/3d", 0.1f}}),
      scalars_event(
          1700000003.125, 300,
          {{std::string(200, 't'), std::numeric_limits<float>::max()}}),
      start_event(1700000004, 200),
      scalars_event(1700000005.75, int64_t{1} << 40,
                    {{"loss/2d", std::numeric_limits<float>::denorm_min()}}),
  };
  std::string bytes;
  for (const std::string& event : events) bytes += tf_record(event);
  const std::string golden = testing::golden_file("events.tfevents");
  EXPECT_EQ(bytes, testing::read_bytes(golden));
}

}  // namespace
}  // namespace unimiss::train
