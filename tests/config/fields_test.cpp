#include "unimiss/config/fields.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <limits>

#include "unimiss/core/error.h"

namespace unimiss {

enum class Color { kRed, kDarkBlue };

template <>
struct EnumNames<Color> {
  static constexpr std::array kNames{std::pair{Color::kRed, "red"},
                                     std::pair{Color::kDarkBlue, "dark_blue"}};
};

namespace config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

struct Inner {
  double rate = 0.1;
  std::array<int64_t, 3> size{1, 2, 3};

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("rate", self.rate, "learning rate");
    visit("size", self.size, "voxels (D, H, W)");
  }
  bool operator==(const Inner&) const = default;
};

struct Outer {
  bool flag = false;
  int64_t count = 4;
  std::string name = "x";
  Color color = Color::kRed;
  std::vector<std::string> words;
  std::optional<double> clip = 0.3;
  std::optional<Inner> extra;
  std::vector<Color> colors{Color::kDarkBlue};
  std::vector<Inner> list;
  Inner inner;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("flag", self.flag, "a|b");
    visit("count", self.count, "how many");
    visit("name", self.name, "text");
    visit("colour", self.color, "paint");
    visit("words", self.words, "words");
    visit("clip", self.clip, "largest norm");
    visit("extra", self.extra, "a second group");
    visit("colours", self.colors, "paints");
    visit("list", self.list, "groups");
    visit("inner", self.inner, "a group");
  }
  bool operator==(const Outer&) const = default;
};

Outer read_text(const std::string& text) {
  Outer options;
  read(parse_yaml(text, "f.yaml"), options);
  return options;
}

TEST(Fields, ReadsEveryType) {
  const Outer options = read_text(
      "flag: true\ncount: -12\nname: 007\ncolour: dark_blue\n"
      "words: [a, 'b c']\nclip: ~\nextra: {rate: 1e-6}\ncolours: [red, red]\n"
      "list:\n- {rate: 2}\n- size: [4, 5, 6]\ninner:\n  rate: .5\n");
  Outer expected;
  expected.flag = true;
  expected.count = -12;
  expected.name = "007";
  expected.color = Color::kDarkBlue;
  expected.words = {"a", "b c"};
  expected.clip = std::nullopt;
  expected.extra = Inner{.rate = 1e-6};
  expected.colors = {Color::kRed, Color::kRed};
  expected.list = {Inner{.rate = 2.0}, Inner{.size = {4, 5, 6}}};
  expected.inner.rate = 0.5;
  EXPECT_EQ(options, expected);
}

TEST(Fields, AbsentKeysKeepTheirValues) {
  Outer options;
  options.inner.size = {7, 8, 9};
  read(parse_yaml("inner: {rate: 3}\nextra:\nlist: []\n", "f"), options);
  EXPECT_EQ(options.inner, (Inner{3.0, {7, 8, 9}}));
  EXPECT_EQ(options.count, 4);
  EXPECT_EQ(read_text("inner:\n"), Outer{});
  EXPECT_EQ(read_text(""), Outer{});
}

TEST(Fields, OneItemOfAListNeedsNoBrackets) {
  EXPECT_THAT(read_text("words: a").words, ElementsAre("a"));
  EXPECT_THAT(read_text("words: [a, b]").words, ElementsAre("a", "b"));
  for (const char* none : {"colours: []", "colours: ''", "colours: ~"}) {
    EXPECT_TRUE(read_text(none).colors.empty()) << none;
  }
}

TEST(Fields, ExpandsTheEnvironmentInText) {
  setenv("UNIMISS_TEST_NAME", "ct", 1);
  const Outer options = read_text(
      "name: ${UNIMISS_TEST_NAME}/x\nwords: [\"${UNIMISS_TEST_NAME}\"]\n");
  EXPECT_EQ(options.name, "ct/x");
  EXPECT_THAT(options.words, ElementsAre("ct"));
}

struct BadInput {
  const char* text;
  const char* place;
  const char* problem;
};

TEST(Fields, NamesPlaceAndProblemOfBadInput) {
  unsetenv("UNIMISS_UNSET");
  const BadInput cases[] = {
      {"flag: yes", "f.yaml:1:7: flag: ", "true or false, is 'yes'"},
      {"flag: 1", "f.yaml:1:7: flag: ", "true or false"},
      {"flag: 'true'", "f.yaml:1:7: flag: ", "remove the quotes"},
      {"flag: ", "flag: ", "nothing (null)"},
      {"count: 1.5", "f.yaml:1:8: count: ", "integer in digits, is '1.5'"},
      {"count: 1e3", "f.yaml:1:8: count: ", "integer in digits"},
      {"count: '4'", "f.yaml:1:8: count: ", "remove the quotes"},
      {"count: 9223372036854775808", "count: ", "64 bits"},
      {"count: [4]", "f.yaml:1:8: count: ", "an integer, is a list"},
      {"count: 12 GB", "f.yaml:1:8: count: ", "is '12 GB'"},
      {"\n\ncount: four", "f.yaml:3:8: count: ", "is 'four'"},
      {"clip: tall", "f.yaml:1:7: clip: ", "a number, is 'tall'"},
      {"clip: nan", "f.yaml:1:7: clip: ", "a number"},
      {"clip: 1e999", "f.yaml:1:7: clip: ", "range"},
      {"clip: {a: 1}", "f.yaml:1:7: clip: ", "a group of keys"},
      {"name: [a]", "f.yaml:1:7: name: ", "text, is a list"},
      {"name: ~", "f.yaml:1:7: name: ", "write \"\""},
      {"name: ${UNIMISS_UNSET}", "f.yaml:1:7: name: ", "not set"},
      {"name: ${", "f.yaml:1:7: name: ", "closing brace"},
      {"colour: rde", "f.yaml:1:9: colour: ", "did you mean 'red'?"},
      {"colour: 1", "f.yaml:1:9: colour: ", "red, dark_blue"},
      {"colour: [red]", "f.yaml:1:9: colour: ", "single value, is a list"},
      {"colours: [red, blue]", "f.yaml:1:16: colours[1]: ", "no 'blue'"},
      {"words: {a: b}", "f.yaml:1:8: words: ", "a list, is a group of keys"},
      {"words: [a, [b]]", "f.yaml:1:12: words[1]: ", "text, is a list"},
      {"inner: 3", "f.yaml:1:8: inner: ", "a group of keys"},
      {"inner: {size: [1, 2]}", "inner.size: ", "needs 3 values, has 2"},
      {"inner: {size: 3}", "f.yaml:1:15: inner.size: ", "a list"},
      {"inner: {size: [1, 2, x]}", "inner.size[2]: ", "integer"},
      {"inner: {rat: 3}", "f.yaml:1:9: inner.rat: ", "did you mean 'rate'?"},
      {"list: [{rate: x}]", "f.yaml:1:15: list[0].rate: ", "a number"},
      {"list: {rate: 3}", "f.yaml:1:7: list: ", "a list"},
      {"extra: {rates: 3}", "f.yaml:1:9: extra.rates: ", "'rate'?"},
      {"wholly_different: 3",
       "f.yaml:1:1: wholly_different: ", "choose from: flag, count"},
      {"flag: true\nflag: false", "f.yaml:2:1: flag: ", "written twice"},
      {"inner: {rate: 1, rate: 2}", "f.yaml:1:18: inner.rate: ", "twice"},
      {"- 3", "f.yaml:1:1: ", "a group of keys, is a list"},
  };
  for (const BadInput& bad : cases) {
    EXPECT_THAT([&] { read_text(bad.text); },
                ThrowsMessage<ConfigError>(
                    AllOf(HasSubstr(bad.place), HasSubstr(bad.problem))))
        << bad.text;
  }
}

TEST(Fields, ReportsAllProblemsAtOnceAndChangesNothing) {
  Outer options;
  const Node node = parse_yaml(
      "count: x\nname: new\ninner:\n  rate: y\n  size: [1]\ncuont: 3\n", "f");
  EXPECT_THAT(
      [&] { read(node, options); },
      ThrowsMessage<ConfigError>(AllOf(
          HasSubstr("4 problems"), HasSubstr("\n  f:1:8: count: "),
          HasSubstr("\n  f:4:9: inner.rate: "),
          HasSubstr("\n  f:5:9: inner.size: "),
          HasSubstr("\n  f:6:1: cuont: there is no such key; did you mean "
                    "'count'?"))));
  EXPECT_EQ(options, Outer{});
}

TEST(Fields, DumpReadsBackEqual) {
  Outer options;
  options.flag = true;
  options.count = std::numeric_limits<int64_t>::min();
  options.color = Color::kDarkBlue;
  options.clip = -std::numeric_limits<double>::infinity();
  options.extra = Inner{1.0 / 3.0, {4, 5, 6}};
  options.list = {Inner{1e-300, {}}, Inner{}};
  const char* texts[] = {"",     "null",   "~",         "true",   "1.5",
                         "a: b", "# c",    "${HOME}",   "$${x}",  "- d",
                         "'q'",  "\"q\"",  " padded ",  "two\nx", "[1, 2]",
                         "é",    "a\\tb",  "tab\there", "%",      "*x",
                         "C:\\", "a, b]c", "!tag",      "|",      "&y"};
  for (const char* text : texts) {
    options.name = text;
    options.words = {text, "plain", text};
    EXPECT_EQ(read_text(dump(options)), options) << dump(options);
  }
  options = Outer{};
  options.clip.reset();
  options.colors.clear();
  EXPECT_EQ(read_text(dump(options)), options) << dump(options);
}

TEST(Fields, DocumentsKeysDefaultsAndMeanings) {
  EXPECT_EQ(document(Outer{}), R"(| key | default | meaning |
|---|---|---|
| `flag` | `false` | a\|b |
| `count` | `4` | how many |
| `name` | `x` | text |
| `colour` | `red` | paint (red, dark_blue) |
| `words` | `[]` | words |
| `clip` | `0.3` | largest norm |
| `extra` | `~` | a second group |
| `extra.rate` | `0.1` | learning rate |
| `extra.size` | `[1, 2, 3]` | voxels (D, H, W) |
| `colours` | `[dark_blue]` | paints (red, dark_blue) |
| `list` | `[]` | groups |
| `list[].rate` | `0.1` | learning rate |
| `list[].size` | `[1, 2, 3]` | voxels (D, H, W) |
| `inner` |  | a group |
| `inner.rate` | `0.1` | learning rate |
| `inner.size` | `[1, 2, 3]` | voxels (D, H, W) |
)");
}

TEST(Fields, ComparesKeyByKey) {
  Outer left, right;
  EXPECT_TRUE(compare(left, right).empty());
  right.count = 5;
  right.extra = Inner{};
  right.inner.rate = 0.2;
  right.inner.size[1] = 9;
  EXPECT_THAT(compare(left, right),
              ElementsAre(Difference{"count", "4", "5"},
                          Difference{"extra", "~", "rate: 0.1 size: [1, 2, 3]"},
                          Difference{"inner.rate", "0.1", "0.2"},
                          Difference{"inner.size", "[1, 2, 3]", "[1, 9, 3]"}));
}

}  // namespace
}  // namespace config
}  // namespace unimiss
