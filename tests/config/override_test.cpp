#include "unimiss/config/override.h"

#include <gmock/gmock.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "config/environment.h"
#include "unimiss/core/error.h"

namespace unimiss::config {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// The value under words.
const Node& value_at(const Node& root, const std::vector<std::string>& words) {
  const Node* node = &root;
  for (const std::string& word : words) {
    node = node->find(word);
    if (!node) throw std::runtime_error("no key " + word);
  }
  return *node;
}

TEST(Override, SetsNestedValues) {
  Node node = parse_yaml("a: {b: 1, c: 2}\nd:\n", "f");
  apply_override(node, "a.b=7");
  apply_override(node, "d.e=[1, two]");
  apply_override(node, "x.y.z='3'");
  apply_override(node, "a={q: 5}");
  apply_override(node, "a.c=");
  EXPECT_EQ(to_yaml(node),
            "a:\n  b: 7\n  c: ~\n  q: 5\nd:\n  e: [1, two]\n"
            "x:\n  y:\n    z: 3\n");
  EXPECT_EQ(value_at(node, {"a", "b"}).place, "command line");
  EXPECT_TRUE(value_at(node, {"x", "y", "z"}).quoted);
  apply_override(node, "a.b=k=v");
  EXPECT_EQ(value_at(node, {"a", "b"}).text, "k=v");
}

TEST(Override, RejectsBadOnes) {
  Node node = parse_yaml("a: {b: 1}\n", "f.yaml");
  for (const char* bad : {"a.b", "=1", ".a=1", "a.=1", "a..b=1", ""}) {
    EXPECT_THAT([&] { apply_override(node, bad); },
                ThrowsMessage<ConfigError>(AllOf(
                    HasSubstr("command line"), HasSubstr("group.key=value"))));
  }
  EXPECT_THAT([&] { apply_override(node, "a.b.c=1"); },
              ThrowsMessage<ConfigError>(AllOf(HasSubstr("command line: a.b.c"),
                                               HasSubstr("'b' is a value"),
                                               HasSubstr("f.yaml:1:8"))));
  std::string deep = "a";
  for (int i = 0; i < 100'000; ++i) deep += ".a";
  EXPECT_THAT([&] { apply_override(node, deep + "=1"); },
              ThrowsMessage<ConfigError>(HasSubstr("levels deep")));
  EXPECT_THAT([&] { apply_override(node, "a.b=[1"); },
              ThrowsMessage<ConfigError>(
                  AllOf(HasSubstr("command line"), HasSubstr("a.b=[1"))));
  EXPECT_EQ(to_yaml(node), "a:\n  b: 1\n");
}

TEST(Override, OfATextSetsThisVeryText) {
  for (const char* text : {"", "a b", "exp #1: [a]", "it's", "\"q\"",
                           "back\\slash", "${HOME}", "two\nlines", "~", "7"}) {
    Node node;
    apply_override(node, text_override("a.b", text));
    const Node& value = value_at(node, {"a", "b"});
    EXPECT_EQ(expand_environment(value.text), text);
    EXPECT_TRUE(value.quoted);
  }
}

}  // namespace
}  // namespace unimiss::config
