#include "unimiss/config/field_attributes.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "config/toy_options.h"
#include "unimiss/config/fields.h"

namespace unimiss::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(FieldAttributes, AreJoined) {
  constexpr FieldAttributes all = kPath | kList | kMayChange | was("earlier");
  EXPECT_TRUE(all.path);
  EXPECT_TRUE(all.list);
  EXPECT_EQ(all.change, Change::kFree);
  EXPECT_EQ(all.was, "earlier");
  EXPECT_EQ((was("a") | kLength).change, Change::kLength);
  EXPECT_EQ((was("a") | kLength).was, "a");
  EXPECT_FALSE((kList | kLength).path);
}

TEST(FieldAttributes, PathsBecomeAbsoluteAndOthersDoNot) {
  ToyOptions options;
  options.data.lists = {"a/../b.txt", "/c.txt"};
  options.data.title = "relative";
  make_paths_absolute(options);
  const std::string here = std::filesystem::current_path().string();
  EXPECT_THAT(options.data.lists, ElementsAre(here + "/b.txt", "/c.txt"));
  EXPECT_EQ(options.data.cache, "");
  EXPECT_EQ(options.data.title, "relative");
}

TEST(FieldAttributes, ListsAreTheFilesThatNameTheData) {
  ToyOptions options;
  EXPECT_THAT(list_files(options), IsEmpty());
  options.data.lists = {"a.txt", "", "b.txt"};
  options.data.cache = "cache";
  EXPECT_THAT(list_files(options), ElementsAre("a.txt", "b.txt"));
}

TEST(FieldAttributes, DifferencesTellWhatMayChange) {
  ToyOptions before, now;
  now.epochs = 4;
  now.data.cache = "elsewhere";
  now.data.share = 0.25;
  now.second = ToyRule{};
  EXPECT_THAT(
      compare(before, now),
      ElementsAre(Difference{"epochs", "3", "4", Change::kLength},
                  Difference{"data.cache", "\"\"", "elsewhere", Change::kFree},
                  Difference{"data.share", "0.5", "0.25", Change::kNever},
                  Difference{"second", "~", "level: 1", Change::kFree}));
  // A group's attribute holds for all that lies in it.
  before.second = ToyRule{.level = 2};
  before = {.second = before.second};
  EXPECT_THAT(compare(before, {.second = ToyRule{}}),
              ElementsAre(Difference{"second.level", "2", "1", Change::kFree}));
}

}  // namespace
}  // namespace unimiss::config
