#include "data/nnunet_names.h"

#include <gmock/gmock.h>

namespace unimiss::data {
namespace {

TEST(NnunetNames, ChannelsAreTheLastFourDigits) {
  const auto split = split_channel("liver_1_0012");
  ASSERT_TRUE(split);
  EXPECT_EQ(split->id, "liver_1");
  EXPECT_EQ(split->channel, 12);
  EXPECT_EQ(split_channel("a_0000")->id, "a");
  for (const char* name :
       {"liver", "liver_12", "liver_00a1", "liver-0001", "_0001", "0001", ""}) {
    EXPECT_FALSE(split_channel(name)) << name;
  }
}

TEST(NnunetNames, WhatIsNotUsedIsToldInShort) {
  const auto told = [](const std::set<std::string>& names) {
    ::testing::internal::CaptureStderr();
    warn_unused("folder", names, "volumes");
    return ::testing::internal::GetCapturedStderr();
  };
  EXPECT_EQ(told({}), "");
  EXPECT_THAT(told({"a", "b"}),
              ::testing::HasSubstr("folder: 2 entries are not used, as they "
                                   "are no volumes: a, b"));
  const std::string many = told({"a", "b", "c", "d", "e", "f"});
  EXPECT_THAT(many, ::testing::HasSubstr("6 entries"));
  EXPECT_THAT(many, ::testing::HasSubstr("d, e, ..."));
}

}  // namespace
}  // namespace unimiss::data
