#include "unimiss/config/node.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "config/environment.h"
#include "config/limits.h"
#include "unimiss/core/error.h"

namespace unimiss::config {
namespace {

std::string read_text(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::error_code ignored;
  if (!stream || std::filesystem::is_directory(path, ignored)) {
    throw ConfigError(path +
                      ": cannot read this configuration file (it does not "
                      "exist, is a folder, or is not yours to read); check "
                      "the path");
  }
  // One byte more than parse_yaml() takes tells it that there is too much.
  std::string text(kMaximumSize + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(stream.gcount()));
  return text;
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
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) {
    throw ConfigError(fmt::format(
        "{}: extends: there is no file {} (the path is relative to this file)",
        value.place, path.lexically_normal().string()));
  }
  node.entries.erase(found);
  return path.string();
}

Node load_chain(const std::string& path, const Amend& amend,
                std::vector<std::string>& chain) {
  // Of a path that cannot exist (too long), reading tells.
  std::error_code ignored;
  const std::string identity =
      std::filesystem::weakly_canonical(path, ignored).string();
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
  if (node.kind == Node::Kind::kNull) node.kind = Node::Kind::kMapping;
  if (node.kind != Node::Kind::kMapping) {
    throw ConfigError(node.place +
                      ": a configuration is a mapping of `key: value` lines");
  }
  const std::string parent = take_extends(node, path);
  if (amend) amend(node);
  if (parent.empty()) return node;
  Node base = load_chain(parent, amend, chain);
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

Node* Node::find(std::string_view key) {
  return const_cast<Node*>(std::as_const(*this).find(key));
}

void merge(Node& base, Node over) {
  if (base.kind != Node::Kind::kMapping || over.kind != Node::Kind::kMapping) {
    base = std::move(over);
    return;
  }
  base.repeated.insert(base.repeated.end(), over.repeated.begin(),
                       over.repeated.end());
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

Node load_file(const std::string& path, const Amend& amend) {
  std::vector<std::string> chain;
  return load_chain(path, amend, chain);
}

std::string to_yaml(const Node& node) {
  YAML::Emitter out;
  emit(out, node);
  return std::string(out.c_str()) + "\n";
}

}  // namespace unimiss::config
