#include "unimiss/core/problems.h"

#include <gmock/gmock.h>

#include <array>
#include <cmath>
#include <limits>

#include "unimiss/core/error.h"

namespace unimiss {
namespace {

using ::testing::StrEq;
using ::testing::ThrowsMessage;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(Problems, RangesKnowTheirBounds) {
  EXPECT_TRUE(at_least(1).contains(1));
  EXPECT_FALSE(at_least(1).contains(0.99));
  EXPECT_FALSE(at_least(1).contains(kInfinity));
  EXPECT_FALSE(greater_than(0).contains(0));
  EXPECT_TRUE(between(0, 1).contains(1));
  EXPECT_FALSE(from_below(0, 1).contains(1));
  EXPECT_FALSE(from_above(0, 1).contains(0));
  EXPECT_FALSE(between(0, 1).contains(std::nan("")));
  EXPECT_EQ(at_least(1).text(), "at least 1");
  EXPECT_EQ(greater_than(-0.5).text(), "greater than -0.5");
  EXPECT_EQ(between(1, 1e9).text(), "in [1, 1000000000]");
  EXPECT_EQ(from_below(0, 1).text(), "in [0, 1)");
  EXPECT_EQ(from_above(0, 1e-7).text(), "in (0, 1e-07]");
}

struct Window {
  double low = 0, high = 1;
  void check(Problems& problems) const {
    problems.in_range(low, at_least(0), "low");
    problems.in_range(high, at_least(0), "high", "see the manual");
    problems.require(low < high, "low", "must be less than high", {"high"});
  }
};

TEST(Problems, AllAreThrownAtOnce) {
  validate(Window{});
  EXPECT_THAT(
      [] {
        validate(Window{2, 1});
      },
      ThrowsMessage<ConfigError>(StrEq("low: must be less than high")));
  EXPECT_THAT(
      [] {
        validate(Window{-1, -2});
      },
      ThrowsMessage<ConfigError>(
          StrEq("2 problems in the configuration:\n"
                "  low: must be at least 0 (is -1)\n"
                "  high: must be at least 0 (is -2); see the manual")));
}

TEST(Problems, NothingIsSaidOfAKeyAtFault) {
  Problems problems;
  problems.distrust("data.spacing[1]");
  problems.distrust("model");
  EXPECT_TRUE(problems.at_fault("data"));
  EXPECT_TRUE(problems.at_fault("data.spacing"));
  EXPECT_FALSE(problems.at_fault("data.spacing[0]"));
  EXPECT_FALSE(problems.at_fault("data.spacing[10]"));
  EXPECT_FALSE(problems.at_fault("data.space"));
  EXPECT_TRUE(problems.at_fault("model.widths[2]"));
  problems.require(false, "data.spacing", "is wrong");
  problems.require(false, "run.epochs", "is wrong", {"model.widths"});
  EXPECT_TRUE(problems.found().empty());
  problems.require(false, "run.epochs", "is wrong");
  problems.require(false, "run.epochs", "is still wrong");
  EXPECT_EQ(problems.found().size(), 1u);
}

TEST(Problems, GroupsStandInFrontOfKeys) {
  Problems problems;
  problems.distrust("data.window.high");
  problems.check_group("data.window", Window{-1, -1});
  problems.ordered(std::array{2.0, 1.0}, at_least(0), "scale");
  problems.distinct(std::array{1, 2, 1}, "order");
  ASSERT_EQ(problems.found().size(), 3u);
  EXPECT_EQ(problems.found()[0].key, "data.window.low");
  EXPECT_EQ(problems.found()[1].key, "scale");
  EXPECT_EQ(problems.found()[2].key, "order[2]");
}

}  // namespace
}  // namespace unimiss
