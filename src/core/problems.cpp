#include "unimiss/core/problems.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "unimiss/core/error.h"

namespace unimiss {
namespace {

/// Whether a key is the other one or lies below it.
bool covers(std::string_view above, std::string_view key) {
  if (!key.starts_with(above)) return false;
  return key.size() == above.size() || key[above.size()] == '.' ||
         key[above.size()] == '[';
}

}  // namespace

bool Range::contains(double value) const {
  if (!std::isfinite(value)) return false;
  const bool above = low_bound == Bound::kOpen ? value > low : value >= low;
  return above && (high_bound == Bound::kOpen ? value < high : value <= high);
}

std::string Range::text() const {
  if (!std::isfinite(high)) {
    return (low_bound == Bound::kOpen ? "greater than " : "at least ") +
           number_text(low);
  }
  return (low_bound == Bound::kOpen ? "in (" : "in [") + number_text(low) +
         ", " + number_text(high) + (high_bound == Bound::kOpen ? ")" : "]");
}

std::string number_text(int64_t value) { return std::to_string(value); }

std::string number_text(double value) {
  // Counts are written in digits, as they are in a configuration.
  constexpr double kDigits = 1e15;
  if (std::abs(value) < kDigits && value == std::floor(value)) {
    return std::to_string(static_cast<int64_t>(value));
  }
  // Large enough for any double in its shortest form.
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  return {text, end};
}

std::string item_key(const std::string& key, size_t index) {
  return key + "[" + std::to_string(index) + "]";
}

void Problems::require(bool condition, const std::string& key,
                       const std::string& text,
                       std::initializer_list<std::string> others) {
  if (condition || at_fault(key)) return;
  if (std::any_of(others.begin(), others.end(),
                  [&](const std::string& other) { return at_fault(other); })) {
    return;
  }
  found_.push_back({group_ + key, text});
  distrust(key);
}

void Problems::distrust(const std::string& key) {
  faulty_.push_back(group_ + key);
}

bool Problems::at_fault(const std::string& key) const {
  const std::string full = group_ + key;
  return std::any_of(faulty_.begin(), faulty_.end(),
                     [&](const std::string& other) {
                       return covers(full, other) || covers(other, full);
                     });
}

void Problems::throw_if_any() const {
  std::vector<std::string> lines;
  for (const Problem& problem : found_) {
    lines.push_back(problem.key + ": " + problem.text);
  }
  throw_problems(lines);
}

void throw_problems(const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  if (lines.size() == 1) throw ConfigError(lines[0]);
  std::string text =
      std::to_string(lines.size()) + " problems in the configuration:";
  for (const std::string& line : lines) text += "\n  " + line;
  throw ConfigError(text);
}

}  // namespace unimiss
