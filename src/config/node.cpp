#include "unimiss/config/node.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

#include "unimiss/core/error.h"

namespace unimiss::config {
namespace {

// No honest configuration is deeper; an alias inside its own anchor is endless.
constexpr int kMaximumDepth = 32;
constexpr std::string_view kCommandLine = "command line";

/// yaml-cpp's positions count from 0.
std::string place_of(const std::string& name, const YAML::Mark& mark) {
  if (name == kCommandLine) return name;
  return fmt::format("{}:{}:{}", name, mark.line + 1, mark.column + 1);
}

Node convert(const YAML::Node& yaml, const std::string& name, int depth);

void convert_entries(const YAML::Node& yaml, const std::string& name, int depth,
                     Node& node) {
  for (const auto& pair : yaml) {
    const std::string place = place_of(name, pair.first.Mark());
    if (!pair.first.IsScalar()) {
      throw ConfigError(place + ": a key must be a plain word");
    }
    const std::string& key = pair.first.Scalar();
    if (node.find(key)) {
      throw ConfigError(fmt::format(
          "{}: {}: the key is written twice (only one value can hold); remove "
          "one of them",
          place, key));
    }
    node.entries.push_back({key, place, convert(pair.second, name, depth + 1)});
  }
}

Node convert(const YAML::Node& yaml, const std::string& name, int depth) {
  Node node;
  node.place = place_of(name, yaml.Mark());
  if (depth > kMaximumDepth) {
    throw ConfigError(
        fmt::format("{}: nested more than {} levels deep (an alias inside its "
                    "own anchor?)",
                    node.place, kMaximumDepth));
  }
  if (yaml.IsScalar()) {
    node.kind = Node::Kind::kScalar;
    node.text = yaml.Scalar();
    node.quoted = yaml.Tag() == "!";
  } else if (yaml.IsSequence()) {
    node.kind = Node::Kind::kSequence;
    for (const YAML::Node& item : yaml) {
      node.items.push_back(convert(item, name, depth + 1));
    }
  } else if (yaml.IsMap()) {
    node.kind = Node::Kind::kMapping;
    convert_entries(yaml, name, depth, node);
  }
  return node;
}

void make_mapping(Node& node) {
  if (node.kind == Node::Kind::kNull) node.kind = Node::Kind::kMapping;
}

/// Lays `over` on top of `base`.
void merge(Node& base, Node over) {
  if (base.kind != Node::Kind::kMapping || over.kind != Node::Kind::kMapping) {
    base = std::move(over);
    return;
  }
  for (Node::Entry& entry : over.entries) {
    auto found = std::find_if(
        base.entries.begin(), base.entries.end(),
        [&](const Node::Entry& other) { return other.key == entry.key; });
    if (found == base.entries.end()) {
      base.entries.push_back(std::move(entry));
    } else {
      found->place = entry.place;
      merge(found->value, std::move(entry.value));
    }
  }
}

std::string read_text(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream || std::filesystem::is_directory(path)) {
    throw ConfigError(path +
                      ": cannot read this configuration file (it does not "
                      "exist, is a folder, or is not yours to read); check "
                      "the path");
  }
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// The path under `extends`, taken out of the mapping; empty when there is
/// none.
std::string take_extends(Node& node, const std::filesystem::path& file) {
  auto found = std::find_if(
      node.entries.begin(), node.entries.end(),
      [](const Node::Entry& entry) { return entry.key == "extends"; });
  if (found == node.entries.end()) return {};
  const Node& value = found->value;
  if (value.kind != Node::Kind::kScalar || value.text.empty()) {
    throw ConfigError(value.place +
                      ": extends: needs the path of one other YAML file, "
                      "relative to this one");
  }
  std::filesystem::path path;
  try {
    path = file.parent_path() / expand_environment(value.text);
  } catch (const ConfigError& error) {
    throw ConfigError(value.place + ": extends: " + error.what());
  }
  if (!std::filesystem::is_regular_file(path)) {
    throw ConfigError(fmt::format(
        "{}: extends: there is no file {} (the path is relative to this file)",
        value.place, path.lexically_normal().string()));
  }
  node.entries.erase(found);
  return path.string();
}

Node load_chain(const std::string& path, std::vector<std::string>& chain) {
  const std::string identity = std::filesystem::weakly_canonical(path).string();
  const bool cycle =
      std::find(chain.begin(), chain.end(), identity) != chain.end();
  chain.push_back(identity);
  if (cycle) {
    throw ConfigError(
        fmt::format("{}: extends: the files extend each other in "
                    "a circle: {}",
                    path, fmt::join(chain, " -> ")));
  }
  Node node = parse_yaml(read_text(path), path);
  make_mapping(node);
  if (node.kind != Node::Kind::kMapping) {
    throw ConfigError(node.place +
                      ": a configuration is a mapping of `key: value` lines");
  }
  const std::string parent = take_extends(node, path);
  if (parent.empty()) return node;
  Node base = load_chain(parent, chain);
  merge(base, std::move(node));
  return base;
}

bool one_line(const Node& node) {
  return std::all_of(node.items.begin(), node.items.end(),
                     [](const Node& item) {
                       return item.kind == Node::Kind::kScalar ||
                              item.kind == Node::Kind::kNull;
                     });
}

void emit(YAML::Emitter& out, const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      out << YAML::Null;
      break;
    case Node::Kind::kScalar:
      out << node.text;
      break;
    case Node::Kind::kSequence:
      if (one_line(node)) out << YAML::Flow;
      out << YAML::BeginSeq;
      for (const Node& item : node.items) emit(out, item);
      out << YAML::EndSeq;
      break;
    case Node::Kind::kMapping:
      out << YAML::BeginMap;
      for (const Node::Entry& entry : node.entries) {
        out << YAML::Key << entry.key << YAML::Value;
        emit(out, entry.value);
      }
      out << YAML::EndMap;
      break;
  }
}

}  // namespace

const Node* Node::find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

Node parse_yaml(const std::string& text, const std::string& name) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.empty()) {
      Node empty;
      empty.place = name;
      return empty;
    }
    if (documents.size() > 1) {
      throw ConfigError(place_of(name, documents[1].Mark()) +
                        ": a second YAML document begins here (only one is "
                        "read); remove the line `---`");
    }
    return convert(documents[0], name, 0);
  } catch (const YAML::Exception& error) {
    throw ConfigError(fmt::format("{}: not valid YAML: {}",
                                  place_of(name, error.mark), error.msg));
  }
}

Node load_file(const std::string& path) {
  std::vector<std::string> chain;
  return load_chain(path, chain);
}

void apply_override(Node& root, const std::string& assignment) {
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
  value.place = kCommandLine;

  // From the innermost group outwards: {a: {b: value}}.
  std::vector<std::string> words;
  std::istringstream stream(key);
  for (std::string word; std::getline(stream, word, '.');) {
    words.push_back(word);
  }
  const Node* existing = &root;
  for (size_t i = 0; existing && i + 1 < words.size(); ++i) {
    existing = existing->find(words[i]);
    if (existing && (existing->kind == Node::Kind::kScalar ||
                     existing->kind == Node::Kind::kSequence)) {
      throw ConfigError(
          fmt::format("{}: {}: '{}' is a value, not a group of "
                      "keys (at {})",
                      kCommandLine, key, words[i], existing->place));
    }
  }
  for (auto word = words.rbegin(); word != words.rend(); ++word) {
    Node group;
    group.kind = Node::Kind::kMapping;
    group.place = kCommandLine;
    group.entries.push_back({*word, group.place, std::move(value)});
    value = std::move(group);
  }
  make_mapping(root);
  merge(root, std::move(value));
}

std::string to_yaml(const Node& node) {
  YAML::Emitter out;
  emit(out, node);
  return std::string(out.c_str()) + "\n";
}

std::string expand_environment(const std::string& text) {
  std::string expanded;
  size_t at = 0;
  while (at < text.size()) {
    if (text.compare(at, 3, "$${") == 0) {
      expanded += "${";
      at += 3;
    } else if (text.compare(at, 2, "${") == 0) {
      const size_t end = text.find('}', at);
      if (end == std::string::npos) {
        throw ConfigError(fmt::format(
            "'{}' opens ${{ without a closing brace; write $${{ for a plain "
            "${{",
            text));
      }
      const std::string name = text.substr(at + 2, end - at - 2);
      const char* value = std::getenv(name.c_str());
      if (!value) {
        throw ConfigError(fmt::format(
            "the environment variable '{}' in '{}' is not set; export it, or "
            "write the value",
            name, text));
      }
      expanded += value;
      at = end + 1;
    } else {
      expanded += text[at++];
    }
  }
  return expanded;
}

std::string protect_from_expansion(const std::string& text) {
  std::string result;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text.compare(at, 2, "${") == 0) result += '$';
    result += text[at];
  }
  return result;
}

}  // namespace unimiss::config
