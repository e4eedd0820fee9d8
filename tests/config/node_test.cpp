#include "unimiss/config/node.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::config {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using unimiss::testing::TemporaryDirectory;

std::string write(const TemporaryDirectory& folder, const std::string& name,
                  const std::string& text) {
  const std::filesystem::path path = folder.path() / name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
  return path.string();
}

const Node& at(const Node& node, const std::string& key) {
  const Node* found = node.find(key);
  if (!found) throw std::runtime_error("no key " + key);
  return *found;
}

template <class Function, class... Parts>
void expect_config_error(Function&& function, Parts... parts) {
  EXPECT_THAT(std::forward<Function>(function),
              ThrowsMessage<ConfigError>(AllOf(HasSubstr(parts)...)));
}

TEST(Node, KeepsPlacesAndQuotes) {
  const Node node = parse_yaml("a: 1\nb:\n  c: ['x', ~]\n", "f.yaml");
  EXPECT_EQ(at(node, "a").place, "f.yaml:1:4");
  EXPECT_FALSE(at(node, "a").quoted);
  const Node& list = at(at(node, "b"), "c");
  ASSERT_EQ(list.items.size(), 2u);
  EXPECT_EQ(list.items[0].place, "f.yaml:3:7");
  EXPECT_TRUE(list.items[0].quoted);
  EXPECT_EQ(list.items[1].kind, Node::Kind::kNull);
  EXPECT_EQ(node.entries[1].place, "f.yaml:2:1");
}

TEST(Node, ExtendsMergesMappingsAndReplacesTheRest) {
  TemporaryDirectory folder;
  write(folder, "base/root.yaml", "a: {x: 1, y: 2}\nlist: [1, 2, 3]\nn: 5\n");
  write(folder, "base/middle.yaml", "extends: root.yaml\na: {y: 3}\n");
  const std::string leaf =
      write(folder, "leaf.yaml",
            "extends: base/middle.yaml\na: {z: 4}\nlist: [9]\nn: ~\n");
  const Node node = load_file(leaf);
  EXPECT_EQ(to_yaml(node), "a:\n  x: 1\n  y: 3\n  z: 4\nlist: [9]\nn: ~\n");
  EXPECT_THAT(at(at(node, "a"), "x").place, HasSubstr("root.yaml:1:8"));
  EXPECT_THAT(at(at(node, "a"), "y").place, HasSubstr("middle.yaml:2:8"));
}

TEST(Node, EmptyFileIsAnEmptyMapping) {
  TemporaryDirectory folder;
  EXPECT_TRUE(load_file(write(folder, "a", "# nothing\n")).entries.empty());
  EXPECT_TRUE(load_file(write(folder, "b", "")).entries.empty());
}

TEST(Node, RejectsFilesThatCannotBeRead) {
  TemporaryDirectory folder;
  const auto load = [&](const std::string& text) {
    return [&folder, text] { load_file(write(folder, "bad.yaml", text)); };
  };
  expect_config_error([&] { load_file(folder.file("none.yaml")); }, "none.yaml",
                      "does not exist");
  expect_config_error([&] { load_file(folder.path().string()); }, "a folder");
  expect_config_error(load("a: [1, 2\nb: 3\n"), "bad.yaml:", "not valid YAML");
  expect_config_error(load("a: 1\n\tb: 2\n"), "bad.yaml:2", "not valid YAML");
  expect_config_error(load("a: 1\nb: 2\na: 3\n"), "bad.yaml:3:1: a:", "twice");
  expect_config_error(load("- 1\n- 2\n"), "bad.yaml:1:1", "mapping");
  expect_config_error(load("? [1, 2]\n: 3\n"), "bad.yaml:1:3", "plain word");
  expect_config_error(load("a: 1\n---\nb: 2\n"), "second YAML document");
  expect_config_error(load("a: &x [*x]\n"), "bad.yaml:1", "levels deep");
  expect_config_error(load("b: *nowhere\n"), "bad.yaml:1:4", "not valid YAML");
  expect_config_error(load("extends: none.yaml\n"), "bad.yaml:1:10: extends",
                      "none.yaml");
  expect_config_error(load("extends: [a, b]\n"), "bad.yaml:1:10: extends",
                      "one other YAML file");
  expect_config_error(load("extends: ${UNIMISS_UNSET}/a.yaml\n"),
                      "bad.yaml:1:10: extends", "UNIMISS_UNSET");
}

TEST(Node, RejectsFilesThatExtendEachOther) {
  TemporaryDirectory folder;
  const std::string first = write(folder, "a.yaml", "extends: b.yaml\n");
  write(folder, "b.yaml", "extends: ./a.yaml\n");
  expect_config_error([&] { load_file(first); }, "in a circle", "b.yaml -> ");
  const std::string self = write(folder, "self.yaml", "extends: self.yaml\n");
  expect_config_error([&] { load_file(self); }, "in a circle");
}

TEST(Node, OverridesSetNestedValues) {
  Node node = parse_yaml("a: {b: 1, c: 2}\nd:\n", "f");
  apply_override(node, "a.b=7");
  apply_override(node, "d.e=[1, two]");
  apply_override(node, "x.y.z='3'");
  apply_override(node, "a={q: 5}");
  apply_override(node, "a.c=");
  EXPECT_EQ(to_yaml(node),
            "a:\n  b: 7\n  c: ~\n  q: 5\nd:\n  e: [1, two]\n"
            "x:\n  y:\n    z: 3\n");
  EXPECT_EQ(at(at(node, "a"), "b").place, "command line");
  EXPECT_TRUE(at(at(at(node, "x"), "y"), "z").quoted);
  apply_override(node, "a.b=k=v");
  EXPECT_EQ(at(at(node, "a"), "b").text, "k=v");
}

TEST(Node, RejectsBadOverrides) {
  Node node = parse_yaml("a: {b: 1}\n", "f.yaml");
  for (const char* bad : {"a.b", "=1", ".a=1", "a.=1", "a..b=1", ""}) {
    expect_config_error([&] { apply_override(node, bad); }, "command line",
                        "group.key=value");
  }
  expect_config_error([&] { apply_override(node, "a.b.c=1"); },
                      "command line: a.b.c", "'b' is a value", "f.yaml:1:8");
  expect_config_error([&] { apply_override(node, "a.b=[1"); }, "command line",
                      "a.b=[1");
  EXPECT_EQ(to_yaml(node), "a:\n  b: 1\n");
}

TEST(Node, ExpandsTheEnvironment) {
  setenv("UNIMISS_TEST_FOLDER", "/data", 1);
  unsetenv("UNIMISS_UNSET");
  EXPECT_EQ(expand_environment("${UNIMISS_TEST_FOLDER}/a$b"), "/data/a$b");
  EXPECT_EQ(expand_environment("$${x}"), "${x}");
  expect_config_error([] { expand_environment("${UNIMISS_UNSET}"); },
                      "UNIMISS_UNSET", "export");
  expect_config_error([] { expand_environment("a${b"); }, "closing brace");
  for (const char* text : {"plain", "${A}", "$${A}", "$$", "a$", "$$${"}) {
    EXPECT_EQ(expand_environment(protect_from_expansion(text)), text) << text;
  }
}

}  // namespace
}  // namespace unimiss::config
