#include "unimiss/distributed/agreement.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include "testing/error_text.h"
#include "testing/ranks.h"
#include "unimiss/core/error.h"

namespace unimiss::distributed {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using unimiss::testing::join_ranks;
using unimiss::testing::run_ranks;

template <class Work>
std::string error_of(const Work& work) {
  return unimiss::testing::error_text<Error>([&] { work(); });
}

TEST(Agreement, OfOneProcessIsItsOwn) {
  const distributed::Communicator alone;
  EXPECT_TRUE(agree(alone, {nullptr, {}, true}).save);
  EXPECT_EQ(agree(alone, {nullptr, "SIGTERM"}).stop, "SIGTERM");
  const auto failure = std::make_exception_ptr(DataError("file", "is bad"));
  EXPECT_THROW(agree(alone, {failure, {}}), DataError);
  check_same_tensors(alone, {{"a", at::ones({2})}}, "");
}

TEST(Agreement, DISABLED_All) {
  const distributed::Communicator all = join_ranks();
  const bool first = all.rank() == 0, last = all.rank() + 1 == all.size();
  // The first one says when to save, anyone when to stop.
  Agreement found = agree(all, {nullptr, {}, !first});
  EXPECT_FALSE(found.save || found.stop);
  found = agree(all, {nullptr, {}, first});
  EXPECT_TRUE(found.save);
  const auto reason =
      last ? std::optional<std::string>("SIGUSR1") : std::nullopt;
  found = agree(all, {nullptr, reason});
  EXPECT_EQ(found.stop,
            "SIGUSR1 (process " + std::to_string(all.size() - 1) + ")");
  // What each tells all hear.
  const auto own = static_cast<double>(all.rank());
  found = agree(all, {nullptr, {}, false, {own, 2 * own}});
  ASSERT_EQ(found.told.size(), static_cast<size_t>(all.size()));
  for (int64_t rank = 0; rank < all.size(); ++rank) {
    const auto number = static_cast<double>(rank);
    EXPECT_THAT(found.told[rank], ElementsAre(number, 2 * number));
  }
  // What fails on one process fails on all, by its name.
  const auto failure =
      last ? std::make_exception_ptr(DataError("scan.nii", "is damaged"))
           : std::exception_ptr();
  EXPECT_THAT(error_of([&] {
                agree(all, {failure, {}});
              }),
              HasSubstr("process " + std::to_string(all.size() - 1) +
                        " failed: scan.nii: is damaged"));
  // What must be the same.
  check_same_texts(all, {{"a", "x"}, {"b", "y"}});
  EXPECT_THAT(
      error_of([&] {
        check_same_texts(all, {{"a", "x"}, {"b", last ? "z" : "y"}});
      }),
      AllOf(HasSubstr("processes 0 and " + std::to_string(all.size() - 1)),
            HasSubstr("(b)"), HasSubstr("b: y (process 0), z (process")));
  const std::string yaml = "run:\n  seed: 1\n  threads: 2\ndata:\n  cache: c\n";
  EXPECT_THAT(
      error_of([&] {
        check_same_texts(
            all,
            {{"b", last ? "other" : "y"},
             {"c", last ? "run:\n  seed: 3\n  threads: 2\ndata:\n  cache: d\n"
                        : yaml}});
      }),
      AllOf(HasSubstr("b: y (process 0), other (process"),
            HasSubstr("c: run: seed: 1 (process 0), run: seed: 3 (process"),
            HasSubstr("c: data: cache: c (process 0), data: cache: d (")));
  const torch::Tensor numbers = at::arange(12, torch::kFloat).view({3, 4});
  const torch::Tensor doubles = numbers.to(torch::kDouble);
  check_same_tensors(all, {{"w", numbers}, {"d", doubles}}, "now");
  torch::Tensor other = numbers.clone();
  if (last) other[2][1] = 9.000001F;
  EXPECT_THAT(
      error_of([&] {
        check_same_tensors(all, {{"v", numbers}, {"w", other}}, "after step 7");
      }),
      AllOf(HasSubstr("after step 7"), HasSubstr("(w)")));
  // Numbers that changed places.
  torch::Tensor swapped = numbers.clone();
  if (last) swapped.view({-1}).copy_(numbers.view({-1}).roll(1));
  EXPECT_THAT(error_of([&] {
                check_same_tensors(all, {{"s", swapped}}, "now");
              }),
              HasSubstr("(s)"));
}

TEST(Agreement, TellsAllWhatOneHasToSay) {
  for (const int count : {2, 3}) {
    EXPECT_THAT(run_ranks(count, "Agreement.DISABLED_All"), Each(0)) << count;
  }
}

}  // namespace
}  // namespace unimiss::distributed
