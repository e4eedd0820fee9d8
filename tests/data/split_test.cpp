#include "unimiss/data/split.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSubsetOf;
using ::testing::Not;
using ::testing::UnorderedElementsAreArray;
using unimiss::testing::read_bytes;
using unimiss::testing::TemporaryDirectory;
using unimiss::testing::write_bytes;

augment::Case make_case(const std::string& id, const std::string& patient = "",
                        std::vector<int64_t> labels = {}) {
  return {id, {"/images/" + id + ".png"}, {}, std::move(labels), patient};
}

std::vector<augment::Case> make_cases(int count) {
  std::vector<augment::Case> cases;
  cases.reserve(count);
  for (int i = 0; i < count; ++i) {
    cases.push_back(make_case(fmt::format("c{}", i)));
  }
  return cases;
}

/// Of class 0 many, of class 1 some, of class 2 few.
std::vector<augment::Case> make_classes(const std::vector<int>& counts) {
  std::vector<augment::Case> cases;
  for (size_t label = 0; label < counts.size(); ++label) {
    for (int i = 0; i < counts[label]; ++i) {
      cases.push_back(make_case(fmt::format("{}_{}", label, i), "",
                                {static_cast<int64_t>(label)}));
    }
  }
  return cases;
}

/// How many of the ids, which make_classes() made, are of each class.
std::vector<int> count_classes(const std::vector<std::string>& ids, int count) {
  std::vector<int> counts(count);
  for (const std::string& id : ids) ++counts.at(id[0] - '0');
  return counts;
}

std::string error_of(const std::vector<augment::Case>& cases,
                     const SplitOptions& options) {
  return unimiss::testing::error_text<ConfigError>(
      [&] { make_split(cases, options); });
}

std::vector<std::string> ids_of(const std::vector<augment::Case>& cases) {
  std::vector<std::string> ids;
  ids.reserve(cases.size());
  for (const augment::Case& each : cases) ids.push_back(each.id);
  return ids;
}

std::vector<std::string> joined(std::vector<std::string> a,
                                const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(Split, DividesAllCasesByTheShare) {
  for (const double share : {0.0, 0.1, 0.25, 0.5, 0.8}) {
    for (const int count : {5, 20, 37}) {
      const auto cases = make_cases(count);
      const Split split = make_split(cases, {.validation = share});
      EXPECT_EQ(split.validation.size(), std::floor(count * share + 0.5));
      EXPECT_THAT(joined(split.train, split.validation),
                  UnorderedElementsAreArray(ids_of(cases)));
      EXPECT_THAT(split.test, IsEmpty());
    }
  }
}

TEST(Split, KeepsTheOrderOfTheCases) {
  const auto cases = make_cases(30);
  const Split split = make_split(cases, {});
  for (const auto& part : {split.train, split.validation}) {
    std::vector<std::string> ordered;
    for (const augment::Case& each : cases) {
      if (std::find(part.begin(), part.end(), each.id) != part.end()) {
        ordered.push_back(each.id);
      }
    }
    EXPECT_EQ(part, ordered);
  }
}

TEST(Split, DependsOnTheSeedAndNotOnTheOrder) {
  auto cases = make_classes({20, 10});
  const Split split = make_split(cases, {.label_ratio = 0.4});
  std::reverse(cases.begin(), cases.end());
  const Split reversed = make_split(cases, {.label_ratio = 0.4});
  EXPECT_THAT(reversed.train, UnorderedElementsAreArray(split.train));
  EXPECT_THAT(reversed.validation, UnorderedElementsAreArray(split.validation));
  const Split other = make_split(cases, {.label_ratio = 0.4, .seed = 1});
  EXPECT_NE(other.validation, reversed.validation);
  EXPECT_NE(other.train, reversed.train);
}

/// Over many seeds each case is as often in validation as any other.
TEST(Split, TakesEachPatientAsOften) {
  const auto cases = make_cases(10);
  std::map<std::string, int> taken;
  constexpr int kSeeds = 2000;
  for (int seed = 0; seed < kSeeds; ++seed) {
    for (const auto& id :
         make_split(cases, {.validation = 0.3, .seed = seed}).validation) {
      ++taken[id];
    }
  }
  // Binomial: five deviations about the mean.
  const double deviation = std::sqrt(kSeeds * 0.3 * 0.7);
  for (const augment::Case& each : cases) {
    EXPECT_NEAR(taken[each.id], 0.3 * kSeeds, 5 * deviation) << each.id;
  }
}

TEST(Split, KeepsPatientsTogether) {
  std::vector<augment::Case> cases;
  cases.reserve(60);
  for (int i = 0; i < 60; ++i) {
    cases.push_back(
        make_case(fmt::format("c{}", i), fmt::format("p{}", i / 4), {i % 3}));
  }
  for (const SplitOptions& options :
       {SplitOptions{.label_ratio = 0.5}, SplitOptions{.folds = 5}}) {
    const Split split = make_split(cases, options);
    std::map<std::string, std::set<int>> where;
    for (const augment::Case& each : cases) {
      const auto in = [&](const std::vector<std::string>& ids) {
        return std::find(ids.begin(), ids.end(), each.id) != ids.end();
      };
      where[each.patient].insert(in(split.train)        ? 0
                                 : in(split.validation) ? 1
                                                        : 2);
    }
    for (const auto& [patient, parts] : where) {
      EXPECT_EQ(parts.size(), 1u) << patient;
    }
  }
}

TEST(Split, TakesTheShareOfEachClass) {
  const auto cases = make_classes({80, 24, 8});
  for (int seed = 0; seed < 20; ++seed) {
    const Split split = make_split(cases, {.validation = 0.25, .seed = seed});
    EXPECT_THAT(count_classes(split.validation, 3), ElementsAre(20, 6, 2));
  }
  // Where a share is no whole number, each class is within one of it.
  const auto odd = make_classes({33, 7, 5});
  const Split split = make_split(odd, {.validation = 0.3});
  const auto counts = count_classes(split.validation, 3);
  EXPECT_EQ(split.validation.size(), 14u);
  EXPECT_NEAR(counts[0], 9.9, 1);
  EXPECT_NEAR(counts[1], 2.1, 1);
  EXPECT_NEAR(counts[2], 1.5, 1);
}

/// Patients of several classes count as the rarest, so that it gets its share.
TEST(Split, TakesTheShareOfTheRarestOfManyLabels) {
  std::vector<augment::Case> cases;
  for (int i = 0; i < 40; ++i) {
    std::vector<int64_t> labels;
    if (i % 2 == 0) labels.push_back(0);
    if (i % 10 < 4) labels.push_back(1);   // 16, half of them also of class 0
    if (i % 10 == 0) labels.push_back(2);  // 4, all of class 0 and 1
    cases.push_back(make_case(fmt::format("c{}", i), "", labels));
  }
  for (int seed = 0; seed < 10; ++seed) {
    const auto chosen = select_cases(
        cases, make_split(cases, {.validation = 0.5, .seed = seed}).validation);
    std::vector<int> counts(3);
    for (const augment::Case& each : chosen) {
      for (const int64_t label : each.labels) ++counts[label];
    }
    EXPECT_EQ(counts[2], 2);
    EXPECT_NEAR(counts[1], 8, 1);
  }
}

TEST(Split, GivesEachPatientToOneFold) {
  for (const int folds : {2, 3, 5}) {
    const auto cases = make_classes({23, 11, 5});
    std::vector<std::string> validated;
    for (int fold = 0; fold < folds; ++fold) {
      const Split split = make_split(cases, {.folds = folds, .fold = fold});
      EXPECT_THAT(joined(split.train, split.validation),
                  UnorderedElementsAreArray(ids_of(cases)));
      EXPECT_NEAR(split.validation.size(), 39.0 / folds, 1);
      const auto counts = count_classes(split.validation, 3);
      EXPECT_NEAR(counts[0], 23.0 / folds, 1);
      EXPECT_NEAR(counts[2], 5.0 / folds, 1);
      validated = joined(validated, split.validation);
    }
    EXPECT_THAT(validated, UnorderedElementsAreArray(ids_of(cases)));
  }
}

TEST(Split, LabelRatiosAreNestedAndLeaveValidationAlone) {
  const auto cases = make_classes({80, 24, 8});  // 60, 18 and 6 to learn from
  const Split all = make_split(cases, {});
  std::vector<std::string> last = all.train;
  for (const double ratio : {0.7, 0.4, 0.2, 0.01}) {
    const Split split = make_split(cases, {.label_ratio = ratio});
    EXPECT_EQ(split.validation, all.validation);
    EXPECT_THAT(split.train, IsSubsetOf(last));
    const auto counts = count_classes(split.train, 3);
    EXPECT_EQ(counts[0], std::ceil(60 * ratio - 1e-6));
    EXPECT_EQ(counts[1], std::ceil(18 * ratio - 1e-6));
    EXPECT_EQ(counts[2], std::ceil(6 * ratio - 1e-6));
    last = split.train;
  }
  // 0.07 * 100 is more than 7 in binary fractions.
  EXPECT_EQ(make_split(make_cases(100), {.validation = 0, .label_ratio = 0.07})
                .train.size(),
            7u);
}

TEST(Split, RefusesWhatLeavesNothing) {
  EXPECT_THAT(error_of({}, {.validation = 0}), HasSubstr("of 0 patients"));
  EXPECT_THAT(error_of(make_cases(1), {.validation = 0.9}),
              HasSubstr("validation: leaves no training of 1 patients"));
  EXPECT_THAT(error_of(make_cases(4), {.validation = 0.1}),
              HasSubstr("validation: takes none of 4 patients"));
  EXPECT_THAT(error_of(make_cases(4), {.folds = 5}),
              HasSubstr("folds: are 5, but there are 4 patients"));
  EXPECT_THAT(make_split(make_cases(4), {.validation = 0}).train.size(), 4u);
}

TEST(Split, RefusesOptionsThatCannotBe) {
  const auto cases = make_cases(4);
  EXPECT_THAT(error_of(cases, {.validation = 1, .label_ratio = 0, .seed = -1}),
              AllOf(HasSubstr("validation: must be in [0, 1) (is 1)"),
                    HasSubstr("label_ratio: must be in (0, 1] (is 0)"),
                    HasSubstr("seed: must be at least 0 (is -1)")));
  EXPECT_THAT(error_of(cases, {.folds = 1}), HasSubstr("folds: must be 0"));
  EXPECT_THAT(error_of(cases, {.folds = -2}), HasSubstr("folds: must be 0"));
  EXPECT_THAT(error_of(cases, {.folds = 2, .fold = 2}),
              HasSubstr("fold: must be in [0, 1] (is 2"));
  EXPECT_THAT(error_of(cases, {.fold = 1}),
              HasSubstr("fold: must be 0 without folds"));
}

TEST(Split, SelectsCasesInTheOrderOfTheirIds) {
  const auto cases = make_cases(3);
  EXPECT_THAT(ids_of(select_cases(cases, {"c2", "c0"})),
              ElementsAre("c2", "c0"));
  EXPECT_ANY_THROW(select_cases(cases, {"c3"}));
}

std::string overlap(const std::vector<augment::Case>& a,
                    const std::vector<augment::Case>& b) {
  return unimiss::testing::error_text<ConfigError>(
      [&] { check_disjoint(a, "train", b, "test"); });
}

TEST(Split, FindsWhatTwoSetsShare) {
  const std::vector<augment::Case> train{make_case("a", "p1"), make_case("b")};
  EXPECT_EQ(overlap(train, {make_case("c"), make_case("d", "p2")}), "no error");
  EXPECT_EQ(overlap(train, {}), "no error");
  EXPECT_THAT(
      overlap(train, {make_case("c", "p1"), make_case("d", "p1"),
                      make_case("e", "p2")}),
      AllOf(HasSubstr("train and test: 1 of"), HasSubstr("\n  patient p1")));
  // A case without a patient is its own.
  EXPECT_THAT(overlap(train, {make_case("c", "b")}), HasSubstr("patient b"));
  augment::Case other = make_case("a", "p3");
  other.images = {"/elsewhere/a.png"};
  EXPECT_THAT(overlap(train, {other}), HasSubstr("\n  id a"));
  other.id = "other";
  other.images = {"/elsewhere/a.png", "/images/../images/b.png"};
  EXPECT_THAT(overlap(train, {other}), HasSubstr("image /images/../images/b"));
  EXPECT_THAT(overlap(make_cases(15), make_cases(15)),
              AllOf(HasSubstr("15 of"), HasSubstr("c9.png\n"),
                    Not(HasSubstr("c10.png")), HasSubstr("and 5 more")));
}

TEST(Split, FollowsLinksToImages) {
  const TemporaryDirectory folder;
  write_bytes(folder.file("a.png"), "x");
  std::filesystem::create_symlink("a.png", folder.file("link.png"));
  const augment::Case file{"a", {folder.file("a.png")}, {}, {}, ""};
  const augment::Case link{"link", {folder.file("link.png")}, {}, {}, ""};
  EXPECT_THAT(overlap({file}, {link}), HasSubstr("link.png"));
}

/// What is wrong with a file of splits of the cases c0 to c3.
std::string file_error(const std::string& text, int64_t fold = 0) {
  const TemporaryDirectory folder;
  write_bytes(folder.file("splits.json"), text);
  return unimiss::testing::error_text<DataError>(
      [&] { read_split(folder.file("splits.json"), make_cases(4), fold); });
}

TEST(Split, ReadsWhatItWrote) {
  const TemporaryDirectory folder;
  const std::string path = folder.file("splits.json");
  write_split(path, {{"c0", "c3"}, {"c1"}, {}});
  EXPECT_EQ(read_bytes(path).find("test"), std::string::npos);
  Split split = read_split(path, make_cases(4));
  EXPECT_THAT(split.train, ElementsAre("c0", "c3"));
  EXPECT_THAT(split.validation, ElementsAre("c1"));
  EXPECT_THAT(split.test, IsEmpty());
  write_split(path, {{"c0"}, {}, {"c2"}});
  split = read_split(path, make_cases(4));
  EXPECT_THAT(split.validation, IsEmpty());
  EXPECT_THAT(split.test, ElementsAre("c2"));
}

TEST(Split, ReadsAFoldOfNnunet) {
  const TemporaryDirectory folder;
  write_bytes(folder.file("splits_final.json"),
              R"([{"train": ["c0"], "val": ["c1"]},
                  {"train": ["c1"], "val": ["c0"]}])");
  EXPECT_THAT(
      read_split(folder.file("splits_final.json"), make_cases(2), 1).train,
      ElementsAre("c1"));
}

TEST(Split, TellsAllThatIsWrongWithAFile) {
  EXPECT_THAT(file_error(R"([{"train": ["c0", "gone", "c0", 7], "val": ["c0"],
                      "test": "c1"}])"),
              AllOf(HasSubstr("splits.json: 5 of its keys or ids"),
                    HasSubstr("train: no case has the id 'gone'"),
                    HasSubstr("train: 'c0' is there twice, first in 'train'"),
                    HasSubstr("train: 7 is no id"),
                    HasSubstr("val: 'c0' is there twice, first in 'train'"),
                    HasSubstr("test: is not there, as a list of ids")));
  EXPECT_THAT(file_error(R"([{"train": ["c0"]}])"),
              HasSubstr("val: is not there"));
  EXPECT_THAT(file_error(R"([{"train": [], "val": ["c0"]}])"),
              HasSubstr("train: names no case"));
  EXPECT_THAT(file_error("[{\n\"train\": [\"c0\",\n}]"),
              AllOf(HasSubstr("splits.json: is no JSON"), HasSubstr("line 3")));
  for (const char* text : {"{}", "[]", "3"}) {
    EXPECT_THAT(file_error(text), HasSubstr("is no list of splits")) << text;
  }
  const char* one = R"([{"train": ["c0"], "val": ["c1"]}])";
  EXPECT_THAT(file_error(one, 1), HasSubstr("has no fold 1 (it has 1"));
  EXPECT_THAT(file_error(one, -1), HasSubstr("has no fold -1"));
  EXPECT_THAT(file_error("[3]"), HasSubstr("has no fold 0"));
  EXPECT_THROW(read_split("/nowhere/splits.json", {}), DataError);
  EXPECT_THROW(write_split("/nowhere/splits.json", {{"c0"}, {}, {}}),
               DataError);
}

}  // namespace
}  // namespace unimiss::data
