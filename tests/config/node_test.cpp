#include "unimiss/config/node.h"

#include <fmt/format.h>
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
  expect_config_error(load("a: 1\n\tb: 2\n"), "bad.yaml:2:1", "a tab indents");
  expect_config_error(load("- 1\n- 2\n"), "bad.yaml:1:1", "mapping");
  expect_config_error(load("? [1, 2]\n: 3\n"), "bad.yaml:1:3", "plain word");
  expect_config_error(load("a: 1\n---\nb: 2\n"), "second YAML document");
  for (const char* stray : {",", "a: 1\n]\n", "a: [1]]\n", "}"}) {
    expect_config_error(load(stray), "bad.yaml:", "YAML");
  }
  expect_config_error(load("a: &x [*x]\n"), "bad.yaml:1", "levels deep");
  expect_config_error(load("b: *nowhere\n"), "bad.yaml:1:4", "not valid YAML");
  expect_config_error(load("extends: none.yaml\n"), "bad.yaml:1:10: extends",
                      "none.yaml");
  expect_config_error(load("extends: [a, b]\n"), "bad.yaml:1:10: extends",
                      "one other YAML file");
  expect_config_error(load("extends: ${UNIMISS_UNSET}/a.yaml\n"),
                      "bad.yaml:1:10: extends", "UNIMISS_UNSET");
}

TEST(Node, RejectsWhatNoConfigurationIs) {
  const auto parse = [](const std::string& text) {
    return [text] { parse_yaml(text, "bad.yaml"); };
  };
  for (const char* opening : {"[", "{a: ", "- ", "? "}) {
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += opening;
    expect_config_error(parse(text), "bad.yaml:1:", "levels deep");
  }
  // Nine times as many values with each line.
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n";
  for (char key = 'b'; key <= 'i'; ++key) {
    const std::string before = std::string("*") + static_cast<char>(key - 1);
    bomb += fmt::format("{0}: &{0} [", key);
    for (int i = 0; i < 9; ++i) bomb += before + ", ";
    bomb += "]\n";
  }
  expect_config_error(parse(bomb), "bad.yaml:", "aliases");
  expect_config_error(parse(std::string(2 << 20, 'x')), "bad.yaml",
                      "larger than 1024 KiB");
  std::string keys;
  for (int i = 0; i < 100'000; ++i) keys += fmt::format("{}:\n", i);
  EXPECT_EQ(parse_yaml(keys, "large.yaml").entries.size(), 100'000u);
}

TEST(Node, TextIsUtf8) {
  for (const char* text : {"\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\xa9\xbb"}) {
    const Node node = parse_yaml(std::string("a: ") + text, "f");
    EXPECT_EQ(at(node, "a").text, text);
    EXPECT_EQ(at(parse_yaml(to_yaml(node), "f"), "a").text, text);
  }
  // Latin-1, cut short, overlong, a surrogate, no character, beyond Unicode.
  for (const char* text :
       {"\xe4 b", "\xe2\x82", "\xc0\x80", "\xe0\x80\xaf", "\xed\xa0\x80",
        "\xef\xbf\xbf", "\xf4\x90\x80\x80", "\x80"}) {
    expect_config_error([&] { parse_yaml(std::string("a: ") + text, "f"); },
                        "f:1:4", "UTF-8");
    expect_config_error(
        [&] { parse_yaml(std::string("b") + text + ": 1", "f"); }, "f:1:1",
        "UTF-8");
  }
}

TEST(Node, RejectsPathsThatCannotBe) {
  TemporaryDirectory folder;
  const std::string name(5000, 'x');
  expect_config_error([&] { load_file(folder.file(name)); }, "does not exist");
  const std::string file = write(folder, "a.yaml", "extends: " + name + "\n");
  expect_config_error([&] { load_file(file); }, "a.yaml:1:10: extends",
                      "there is no file");
  expect_config_error([] { load_file("/dev/zero"); }, "/dev/zero",
                      "larger than");
}

TEST(Node, RejectsFilesThatExtendEachOther) {
  TemporaryDirectory folder;
  const std::string first = write(folder, "a.yaml", "extends: b.yaml\n");
  write(folder, "b.yaml", "extends: ./a.yaml\n");
  expect_config_error([&] { load_file(first); }, "in a circle", "b.yaml -> ");
  const std::string self = write(folder, "self.yaml", "extends: self.yaml\n");
  expect_config_error([&] { load_file(self); }, "in a circle");
}

TEST(Node, KeysWrittenTwiceAreKeptForTheReader) {
  Node base = parse_yaml("a: 1\nb: {c: 2, c: 3}\na: 4\n", "f");
  EXPECT_EQ(to_yaml(base), "a: 1\nb:\n  c: 2\n");
  ASSERT_EQ(base.repeated.size(), 1u);
  EXPECT_EQ(base.repeated[0].key, "a");
  EXPECT_EQ(base.repeated[0].place, "f:3:1");
  merge(base, parse_yaml("d: 5\nd: 6\n", "g"));
  ASSERT_EQ(base.repeated.size(), 2u);
  EXPECT_EQ(base.repeated[1].place, "g:2:1");
  EXPECT_EQ(at(base, "b").repeated[0].place, "f:2:11");
}

}  // namespace
}  // namespace unimiss::config
