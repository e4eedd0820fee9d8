#include "unimiss/config/placed_problems.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string_view>
#include <tuple>

#include "unimiss/core/problems.h"

namespace unimiss::config {
namespace {

/// Takes ":<number>" off the end of a place; beyond all numbers where there is
/// none: what has no line comes after what has one.
int64_t take_number(std::string_view& place) {
  const size_t colon = place.rfind(':');
  int64_t number = 0;
  if (colon != std::string_view::npos) {
    const char* end = place.data() + place.size();
    const auto [stopped, error] =
        std::from_chars(place.data() + colon + 1, end, number);
    if (error == std::errc() && stopped == end) {
      place = place.substr(0, colon);
      return number;
    }
  }
  return std::numeric_limits<int64_t>::max();
}

/// Compares as places do: rank of the file, file, line, column.
std::tuple<int, std::string_view, int64_t, int64_t> order_of(
    std::string_view place, std::string_view file) {
  std::string_view name = place;
  const int64_t column = take_number(name);
  const int64_t line = take_number(name);
  const int rank = name == file ? 0 : (name == kCommandLine ? 2 : 1);
  return {rank, name, line, column};
}

}  // namespace

KeyPlace place_of_key(const Node& root, const std::string& key) {
  KeyPlace found;
  const Node* node = &root;
  for (size_t at = 0; at < key.size();) {
    if (key[at] == '.') ++at;
    if (key[at] == '[') {
      const size_t index = std::stoul(key.substr(at + 1));
      // A list of one item may be written without brackets.
      if (index < node->items.size()) node = &node->items[index];
      found.place = node->place;
      at = key.find(']', at) + 1;
      continue;
    }
    const size_t end = std::min(key.find_first_of(".[", at), key.size());
    const std::string word = key.substr(at, end - at);
    const auto entry = std::find_if(
        node->entries.begin(), node->entries.end(),
        [&](const Node::Entry& other) { return other.key == word; });
    if (entry == node->entries.end()) return found;
    node = &entry->value;
    // A group begins with its name, not with the first key in it.
    const bool group = node->kind == Node::Kind::kMapping;
    found.place = group ? entry->place : node->place;
    at = end;
  }
  found.written = true;
  return found;
}

void PlacedProblems::add(const std::string& place, const std::string& key,
                         const std::string& problem) {
  std::string line = place;
  for (const std::string& part : {key, problem}) {
    if (!part.empty()) line += (line.empty() ? "" : ": ") + part;
  }
  items_.push_back({place, key, line});
}

std::vector<std::string> PlacedProblems::keys() const {
  std::vector<std::string> keys;
  for (const Item& item : items_) {
    if (!item.key.empty()) keys.push_back(item.key);
  }
  return keys;
}

void PlacedProblems::throw_if_any(const std::string& file) const {
  std::vector<Item> sorted = items_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](const Item& a, const Item& b) {
                     return order_of(a.place, file) < order_of(b.place, file);
                   });
  std::vector<std::string> lines;
  for (const Item& item : sorted) lines.push_back(item.line);
  throw_problems(lines);
}

}  // namespace unimiss::config
