#include "unimiss/config/renamed_keys.h"

#include <gmock/gmock.h>

#include "config/toy_options.h"
#include "unimiss/config/fields.h"
#include "unimiss/core/error.h"

namespace unimiss::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

struct Renamed {
  Node node;
  std::vector<std::string> warnings;
  PlacedProblems problems;
};

Renamed renamed(const std::string& text) {
  Renamed result;
  result.node = parse_yaml(text, "f.yaml");
  RenamedKeys keys(result.problems);
  rename_keys<ToyOptions>(result.node, "", keys);
  result.warnings = keys.warnings();
  return result;
}

TEST(RenamedKeys, GetTheirPresentNamesAtAllDepths) {
  const Renamed result = renamed(
      "law: {height: 2}\nsecond: {height: 3}\n"
      "more: [{height: 4}, {height: 5}]\ndata: {part: 0.1}\n");
  EXPECT_EQ(to_yaml(result.node),
            to_yaml(parse_yaml("rule: {level: 2}\nsecond: {level: 3}\n"
                               "more: [{level: 4}, {level: 5}]\n"
                               "data: {share: 0.1}\n",
                               "g")));
  EXPECT_THAT(
      result.warnings,
      ElementsAre(
          "f.yaml:4:8: data.part is now called data.share; use that name",
          "f.yaml:1:1: law is now called rule; use that name",
          "f.yaml:1:7: rule.height is now called rule.level; use that name",
          "f.yaml:2:10: second.height is now called second.level; use that "
          "name",
          "f.yaml:3:9: more[0].height is now called more[0].level; use that "
          "name",
          "f.yaml:3:22: more[1].height is now called more[1].level; use that "
          "name"));
  EXPECT_THAT(result.problems.keys(), IsEmpty());
}

TEST(RenamedKeys, OfPresentNamesNothingIsSaid) {
  const Renamed result = renamed("rule: {level: 2}\nheight: 3\n");
  EXPECT_THAT(result.warnings, IsEmpty());
  EXPECT_NE(result.node.find("height"), nullptr) << "of another group";
}

TEST(RenamedKeys, BothNamesAreAProblem) {
  const Renamed result = renamed("data: {share: 0.1, part: 0.2}\n");
  EXPECT_THAT(
      [&] { result.problems.throw_if_any(); },
      ThrowsMessage<ConfigError>(AllOf(HasSubstr("f.yaml:1:20: data.part: "),
                                       HasSubstr("earlier name of data.share"),
                                       HasSubstr("f.yaml:1:8"))));
  EXPECT_THAT(result.warnings, IsEmpty());
  ToyOptions options;
  EXPECT_THROW(read(parse_yaml("data: {part: 1, share: 1}", "f"), options),
               ConfigError);
}

TEST(RenamedKeys, AreReadAndWrittenByTheirPresentNames) {
  ToyOptions options;
  read(parse_yaml("law: {height: 2}\ndata: {part: 0.1}", "f"), options);
  EXPECT_EQ(options.rule.level, 2);
  EXPECT_EQ(options.data.share, 0.1);
  EXPECT_THAT(dump(options),
              AllOf(HasSubstr("rule:\n  level: 2"), HasSubstr("share: 0.1")));
  EXPECT_THAT(
      [] {
        ToyOptions wrong;
        read(parse_yaml("law:\n  height: high", "f.yaml"), wrong);
      },
      ThrowsMessage<ConfigError>(HasSubstr("f.yaml:2:11: rule.level: ")));
}

}  // namespace
}  // namespace unimiss::config
