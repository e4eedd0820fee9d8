#include "unimiss/config/config_file.h"

#include <gmock/gmock.h>

#include "config/toy_options.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

/// run.yaml, which extends base.yaml.
class ConfigFile : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) {
    unimiss::testing::write_bytes(folder_.file(name), text);
    return folder_.file(name);
  }
  ToyOptions read(const std::vector<std::string>& overrides = {},
                  const FileRules<ToyOptions>& rules = checked()) {
    warnings_.clear();
    return read_file(
        folder_.file("run.yaml"), overrides, rules,
        [&](std::string_view line) { warnings_.emplace_back(line); });
  }
  static FileRules<ToyOptions> checked() {
    return {.check = [](const ToyOptions& options, Problems& problems) {
      options.check(problems);
    }};
  }

  unimiss::testing::TemporaryDirectory folder_;
  std::vector<std::string> warnings_;
};

TEST_F(ConfigFile, ReadsDefaultsFilesAndOverrides) {
  write("base.yaml", "epochs: 5\ndata: {title: base, share: 0.1}\n");
  write("run.yaml", "extends: base.yaml\ndata: {title: run}\n");
  ToyOptions options = read({"data.share=0.2"}, {.defaults = [](const Node&) {
                              return ToyOptions{.rule = {.level = 9}};
                            }});
  EXPECT_EQ(options.epochs, 5);
  EXPECT_EQ(options.data.title, "run");
  EXPECT_EQ(options.data.share, 0.2);
  EXPECT_EQ(options.rule.level, 9);
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(ConfigFile, TellsAllProblemsInTheOrderOfTheFile) {
  write("run.yaml", "epochs: 0\ndata:\n  share: 2\n  tittle: x\n");
  EXPECT_THAT(
      [&] {
        read({"rule.level=high", "nothing"});
      },
      ThrowsMessage<ConfigError>(
          AllOf(HasSubstr("5 problems"),
                HasSubstr("run.yaml:1:9: epochs: must be at least 1"),
                HasSubstr("run.yaml:3:10: data.share: must be in"),
                HasSubstr("run.yaml:4:3: data.tittle: "),
                HasSubstr("command line: rule.level: needs a number"),
                HasSubstr("command line: 'nothing'"))));
}

TEST_F(ConfigFile, EarlierNamesAreReadWithOneWarningEach) {
  write("base.yaml", "data: {part: 0.1}\nlaw:\n  level: 3\n");
  write("run.yaml", "extends: base.yaml\ndata: {part: 0.2}\n");
  const ToyOptions options = read({"rule.height=4"});
  EXPECT_EQ(options.data.share, 0.2);
  EXPECT_EQ(options.rule.level, 4);
  EXPECT_THAT(
      warnings_,
      ElementsAre(HasSubstr("run.yaml:2:8: data.part is now called data.share"),
                  HasSubstr("base.yaml:2:1: law is now called rule"),
                  HasSubstr("command line: rule.height is now called "
                            "rule.level")));
}

TEST_F(ConfigFile, LaterLayersWinByEitherName) {
  write("base.yaml", "data: {part: 0.1}\n");
  write("run.yaml", "extends: base.yaml\ndata: {share: 0.2}\n");
  EXPECT_EQ(read().data.share, 0.2);
  EXPECT_EQ(read({"data.part=0.3"}).data.share, 0.3);
  EXPECT_EQ(read({"data={part: 0.4}"}).data.share, 0.4);
  write("base.yaml", "data: {share: 0.1}\n");
  write("run.yaml", "extends: base.yaml\ndata: {part: 0.2}\n");
  EXPECT_EQ(read().data.share, 0.2);
  EXPECT_EQ(read({"data.share=0.3"}).data.share, 0.3);
}

TEST_F(ConfigFile, BothNamesInOnePlaceAreAProblem) {
  write("run.yaml", "data:\n  share: 0.1\n  part: 0.2\n");
  EXPECT_THAT([&] { read(); },
              ThrowsMessage<ConfigError>(AllOf(
                  HasSubstr("run.yaml:3:3: data.part: is the earlier name of "
                            "data.share"),
                  HasSubstr("run.yaml:2:3"))));
  write("run.yaml", "");
  EXPECT_THAT(
      [&] {
        read({"data.part=0.2", "data.share=0.1"});
      },
      ThrowsMessage<ConfigError>(
          HasSubstr("command line: data.part: is the earlier name")));
}

TEST_F(ConfigFile, WrongValuesKeepThePlaceOfAnEarlierName) {
  write("run.yaml", "epochs: 1\ndata:\n  part: 7\n");
  EXPECT_THAT([&] { read(); }, ThrowsMessage<ConfigError>(HasSubstr(
                                   "run.yaml:3:9: data.share: must be in")));
}

TEST_F(ConfigFile, SavedTextIsReadAgain) {
  ToyOptions options;
  options.data.lists = {"/lists/a.txt"};
  options.rule.level = 7;
  EXPECT_EQ(read_text<ToyOptions>(saved_text(options), "saved"), options);
  EXPECT_EQ(read_text<ToyOptions>("law: {height: 7}", "saved").rule.level, 7);
  options.data.lists = {"a.txt"};
  EXPECT_EQ(read_text<ToyOptions>(saved_text(options), "saved")
                .data.lists.at(0)
                .front(),
            '/');
}

}  // namespace
}  // namespace unimiss::config
