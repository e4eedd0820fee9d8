#include "unimiss/config/override.h"

#include <fmt/format.h>

#include <sstream>
#include <utility>
#include <vector>

#include "config/environment.h"
#include "config/limits.h"
#include "unimiss/core/error.h"

namespace unimiss::config {

namespace {

/// The words of a key, "a.b" to {a, b}.
std::vector<std::string> words_of(const std::string& key) {
  std::vector<std::string> words;
  std::istringstream stream(key);
  for (std::string word; std::getline(stream, word, '.');) {
    words.push_back(word);
  }
  if (words.size() > kMaximumDepth) {
    throw ConfigError(fmt::format("{}: {}: more than {} levels deep",
                                  kCommandLine, key, kMaximumDepth));
  }
  return words;
}

/// From the innermost group outwards: {a: {b: value}}.
Node nested(const std::vector<std::string>& words, Node value) {
  for (auto word = words.rbegin(); word != words.rend(); ++word) {
    Node group;
    group.kind = Node::Kind::kMapping;
    group.place = kCommandLine;
    group.entries.push_back({*word, group.place, std::move(value)});
    value = std::move(group);
  }
  return value;
}

/// Throws ConfigError where the groups around a key of that many words are
/// values in `root`.
void check_groups(const Node& root, const Node& over, size_t words,
                  const std::string& key) {
  const Node* existing = &root;
  const Node* level = &over;
  for (size_t i = 0; existing && i + 1 < words; ++i) {
    const Node::Entry& group = level->entries.front();
    level = &group.value;
    existing = existing->find(group.key);
    if (existing && (existing->kind == Node::Kind::kScalar ||
                     existing->kind == Node::Kind::kSequence)) {
      throw ConfigError(
          fmt::format("{}: {}: '{}' is a value, not a group of "
                      "keys (at {})",
                      kCommandLine, key, group.key, existing->place));
    }
  }
}

}  // namespace

void apply_override(Node& root, const std::string& assignment,
                    const Amend& amend) {
  const size_t equals = assignment.find('=');
  const std::string key = assignment.substr(0, equals);
  if (equals == std::string::npos || key.empty() || key.front() == '.' ||
      key.back() == '.' || key.find("..") != std::string::npos) {
    throw ConfigError(
        fmt::format("{}: '{}' is not an override; write "
                    "group.key=value",
                    kCommandLine, assignment));
  }
  Node value;
  try {
    value =
        parse_yaml(assignment.substr(equals + 1), std::string(kCommandLine));
  } catch (const ConfigError& error) {
    throw ConfigError(fmt::format("{} (in '{}'); put the value in quotes",
                                  error.what(), assignment));
  }

  const std::vector<std::string> words = words_of(key);
  Node over = nested(words, std::move(value));
  if (amend) amend(over);
  check_groups(root, over, words.size(), key);
  if (root.kind == Node::Kind::kNull) root.kind = Node::Kind::kMapping;
  merge(root, std::move(over));
}

std::string text_override(const std::string& key, const std::string& text) {
  std::string quoted;
  for (const char c : protect_from_expansion(text)) {
    if (c == '\n') {
      quoted += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return fmt::format("{}=\"{}\"", key, quoted);
}

}  // namespace unimiss::config
