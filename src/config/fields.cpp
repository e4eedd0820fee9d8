#include "unimiss/config/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>

#include "config/environment.h"
#include "unimiss/core/error.h"

namespace unimiss::config::detail {
namespace {

std::string_view kind_name(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::kNull:
      return "nothing (null)";
    case Node::Kind::kScalar:
      return "a single value";
    case Node::Kind::kSequence:
      return "a list";
    case Node::Kind::kMapping:
      return "a group of keys";
  }
  return "?";
}

/// Levenshtein's distance.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

/// "; did you mean 'x'?", or all there is to choose from.
std::string suggestion(const std::string& word,
                       const std::vector<std::string>& candidates) {
  std::string nearest;
  size_t best = std::max<size_t>(2, word.size() / 2);
  for (const std::string& candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    if (distance <= best && (nearest.empty() || distance < best)) {
      best = distance;
      nearest = candidate;
    }
  }
  const std::string all = fmt::format("{}", fmt::join(candidates, ", "));
  if (nearest.empty()) return fmt::format("; choose from: {}", all);
  return fmt::format("; did you mean '{}'? (choices: {})", nearest, all);
}

/// The text of an unquoted scalar, or nullptr and a problem.
const std::string* plain_text(const Node& node, const std::string& key,
                              std::string_view wanted,
                              PlacedProblems& problems) {
  if (node.kind != Node::Kind::kScalar) {
    problems.add(node, key,
                 fmt::format("needs {}, is {}", wanted, kind_name(node.kind)));
    return nullptr;
  }
  if (node.quoted) {
    problems.add(node, key,
                 fmt::format("needs {}, is the text \"{}\"; remove the quotes",
                             wanted, node.text));
    return nullptr;
  }
  return &node.text;
}

Node plain_node(std::string text) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.text = std::move(text);
  return node;
}

std::string one_line_yaml(const Node& node) {
  std::string text = to_yaml(node);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

bool same(const Node& left, const Node& right) {
  if (left.kind != right.kind || left.text != right.text ||
      left.items.size() != right.items.size() ||
      left.entries.size() != right.entries.size()) {
    return false;
  }
  for (size_t i = 0; i < left.items.size(); ++i) {
    if (!same(left.items[i], right.items[i])) return false;
  }
  for (size_t i = 0; i < left.entries.size(); ++i) {
    if (left.entries[i].key != right.entries[i].key ||
        !same(left.entries[i].value, right.entries[i].value)) {
      return false;
    }
  }
  return true;
}

void compare_into(const std::string& key, const Node& left, const Node& right,
                  std::vector<Difference>& differences) {
  if (same(left, right)) return;
  if (left.kind != Node::Kind::kMapping || right.kind != left.kind) {
    differences.push_back({key, one_line_yaml(left), one_line_yaml(right)});
    return;
  }
  // Both come from one options type: the same keys in the same order.
  for (size_t i = 0; i < left.entries.size(); ++i) {
    compare_into(join(key, left.entries[i].key), left.entries[i].value,
                 right.entries[i].value, differences);
  }
}

std::string table_cell(const std::string& text) {
  std::string escaped;
  for (char c : text) {
    if (c == '|') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

}  // namespace

bool expect(const Node& node, Node::Kind kind, const std::string& key,
            PlacedProblems& problems) {
  if (node.kind == kind) return true;
  problems.add(
      node, key,
      fmt::format("needs {}, is {}", kind_name(kind), kind_name(node.kind)));
  return false;
}

std::string join(const std::string& group, std::string_view key) {
  return group.empty() ? std::string(key) : fmt::format("{}.{}", group, key);
}

bool lies_in(const std::string& key, const std::string& field) {
  return key.starts_with(field) &&
         (key.size() == field.size() || key[field.size()] == '.');
}

void report_unknown_keys(const Node& node, const std::string& group,
                         const std::vector<std::string>& known,
                         PlacedProblems& problems) {
  if (problems.unknown_keys() == UnknownKeys::kIgnored) return;
  for (const Node::Entry& entry : node.entries) {
    if (std::find(known.begin(), known.end(), entry.key) == known.end()) {
      problems.add(entry.place, join(group, entry.key),
                   "there is no such key" + suggestion(entry.key, known));
    }
  }
  for (const Node::Repeated& key : node.repeated) {
    problems.add(key.place, join(group, key.key),
                 "the key is written twice (only one value can hold); remove "
                 "one of them");
  }
}

void report_unknown_name(const Node& node, const std::string& key,
                         const std::vector<std::string>& names,
                         PlacedProblems& problems) {
  problems.add(node, key,
               fmt::format("there is no '{}'{}", node.text,
                           suggestion(node.text, names)));
}

void read_scalar(const Node& node, const std::string& key, bool& value,
                 PlacedProblems& problems) {
  const std::string* text = plain_text(node, key, "true or false", problems);
  if (!text) return;
  if (*text != "true" && *text != "false") {
    problems.add(node, key, fmt::format("needs true or false, is '{}'", *text));
    return;
  }
  value = *text == "true";
}

void read_scalar(const Node& node, const std::string& key, int64_t& value,
                 PlacedProblems& problems) {
  const std::string* text = plain_text(node, key, "an integer", problems);
  if (!text) return;
  const char* end = text->data() + text->size();
  int64_t parsed = 0;
  const auto [stopped, error] = std::from_chars(text->data(), end, parsed);
  if (error == std::errc::result_out_of_range) {
    problems.add(node, key,
                 fmt::format("'{}' does not fit into 64 bits", *text));
  } else if (error != std::errc() || stopped != end) {
    problems.add(node, key,
                 fmt::format("needs an integer in digits, is '{}'", *text));
  } else {
    value = parsed;
  }
}

void read_scalar(const Node& node, const std::string& key, double& value,
                 PlacedProblems& problems) {
  const std::string* text = plain_text(node, key, "a number", problems);
  if (!text) return;
  if (*text == ".inf" || *text == "-.inf") {
    const double infinity = std::numeric_limits<double>::infinity();
    value = text->front() == '-' ? -infinity : infinity;
    return;
  }
  const char* end = text->data() + text->size();
  double parsed = 0;
  const auto [stopped, error] = std::from_chars(text->data(), end, parsed);
  if (error == std::errc::result_out_of_range) {
    problems.add(node, key,
                 fmt::format("'{}' is beyond the range of a number", *text));
  } else if (error != std::errc() || stopped != end || !std::isfinite(parsed)) {
    problems.add(node, key, fmt::format("needs a number, is '{}'", *text));
  } else {
    value = parsed;
  }
}

void read_scalar(const Node& node, const std::string& key, std::string& value,
                 PlacedProblems& problems) {
  if (node.kind != Node::Kind::kScalar) {
    const bool null = node.kind == Node::Kind::kNull;
    problems.add(node, key,
                 fmt::format("needs text, is {}{}", kind_name(node.kind),
                             null ? "; write \"\" for empty text" : ""));
    return;
  }
  try {
    value = expand_environment(node.text);
  } catch (const ConfigError& error) {
    problems.add(node, key, error.what());
  }
}

Node scalar_node(bool value) { return plain_node(value ? "true" : "false"); }

Node scalar_node(int64_t value) { return plain_node(std::to_string(value)); }

Node scalar_node(double value) {
  if (std::isinf(value)) return plain_node(value < 0 ? "-.inf" : ".inf");
  return plain_node(fmt::format("{}", value));
}

Node scalar_node(const std::string& value) {
  return plain_node(protect_from_expansion(value));
}

std::string markdown_table(const std::vector<Row>& rows) {
  std::string table = "| key | default | meaning |\n|---|---|---|\n";
  for (const Row& row : rows) {
    std::string value = row.value;
    while (!value.empty() && value.back() == '\n') value.pop_back();
    if (!value.empty()) value = fmt::format("`{}`", value);
    table += fmt::format("| `{}` | {} | {} |\n", row.key, table_cell(value),
                         table_cell(row.meaning));
  }
  return table;
}

std::vector<Difference> compare_nodes(const Node& left, const Node& right) {
  std::vector<Difference> differences;
  compare_into("", left, right, differences);
  return differences;
}

}  // namespace unimiss::config::detail
