#include "unimiss/config/placed_problems.h"

#include <gmock/gmock.h>

#include "unimiss/config/fields.h"
#include "unimiss/core/error.h"

namespace unimiss::config {
namespace {

using ::testing::StrEq;
using ::testing::ThrowsMessage;

TEST(PlacedProblems, AreToldInTheOrderOfTheFile) {
  PlacedProblems problems;
  problems.throw_if_any("a.yaml");
  problems.add("command line", "k", "last");
  problems.add("base.yaml:1:1", "k", "of a file it extends");
  problems.add("a.yaml", "k", "not written");
  problems.add("a.yaml:10:2", "k", "third");
  problems.add("a.yaml:9:12", "k", "second");
  problems.add("a.yaml:9:3", "k", "first");
  EXPECT_THAT([&] { problems.throw_if_any("a.yaml"); },
              ThrowsMessage<ConfigError>(
                  StrEq("6 problems in the configuration:\n"
                        "  a.yaml:9:3: k: first\n"
                        "  a.yaml:9:12: k: second\n"
                        "  a.yaml:10:2: k: third\n"
                        "  a.yaml: k: not written\n"
                        "  base.yaml:1:1: k: of a file it extends\n"
                        "  command line: k: last")));
}

TEST(PlacedProblems, KeysAreFoundWhereTheyWereWritten) {
  const Node root =
      parse_yaml("a:\n  b: [1, 2]\n  c: one\n  d:\nlist:\n- x: 1\n", "f");
  struct Case {
    const char *key, *place;
    bool written;
  };
  for (const Case& wanted :
       {Case{"a.b", "f:2:6", true}, Case{"a.b[1]", "f:2:10", true},
        Case{"a.b[7]", "f:2:6", true}, Case{"a.c[0]", "f:3:6", true},
        Case{"a.d", "f:4:3", true}, Case{"a.none", "f:1:1", false},
        Case{"a.d.none", "f:4:3", false}, Case{"list[0].x", "f:6:6", true},
        Case{"none.x", "", false}}) {
    const KeyPlace found = place_of_key(root, wanted.key);
    EXPECT_EQ(found.place, wanted.place) << wanted.key;
    EXPECT_EQ(found.written, wanted.written) << wanted.key;
  }
}

struct Pair {
  int64_t first = 1, second = 2;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("first", self.first, "");
    visit("second", self.second, "");
  }
};

TEST(PlacedProblems, ReadingGoesOnBehindAProblem) {
  Pair pair;
  PlacedProblems problems;
  read(parse_yaml("first: 7x\nsecond: 5\nthird: 1\n", "f"), pair, problems);
  EXPECT_EQ(pair.first, 1);
  EXPECT_EQ(pair.second, 5);
  EXPECT_THAT(problems.keys(), ::testing::ElementsAre("first", "third"));
}

}  // namespace
}  // namespace unimiss::config
