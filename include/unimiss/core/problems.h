#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace unimiss {

/// The values a number may take: a bound that is open is itself not allowed,
/// and infinity never is.
struct Range {
  enum class Bound { kClosed, kOpen };

  double low = 0;
  double high = std::numeric_limits<double>::infinity();
  Bound low_bound = Bound::kClosed;
  Bound high_bound = Bound::kClosed;

  bool contains(double value) const;
  /// "at least 1", "greater than 0", "in [0, 1)".
  std::string text() const;
};

inline Range at_least(double low) { return {.low = low}; }
inline Range greater_than(double low) {
  return {.low = low, .low_bound = Range::Bound::kOpen};
}
/// [low, high]
inline Range between(double low, double high) {
  return {.low = low, .high = high};
}
/// (low, high]
inline Range from_above(double low, double high) {
  return {.low = low, .high = high, .low_bound = Range::Bound::kOpen};
}
/// [low, high)
inline Range from_below(double low, double high) {
  return {.low = low, .high = high, .high_bound = Range::Bound::kOpen};
}

/// The shortest text that reads back as the number.
std::string number_text(int64_t value);
std::string number_text(double value);

/// The key of a list's item, "key[i]".
std::string item_key(const std::string& key, size_t index);

/// One thing that is wrong with options.
struct Problem {
  std::string key;   ///< "group.key", "group.key[1]"
  std::string text;  ///< "<problem> (<why>); <suggestion>"
};

/// Collects what is wrong with options, so that all of it can be told at once.
///
///     void WindowOptions::check(Problems& problems) const {
///       problems.in_range(size, at_least(1), "size");
///       problems.require(low < high, "low", "must be less than high",
///                        {"high"});
///     }
///
/// A key is reported once: once it is at fault, what follows from it says
/// nothing new. The key of a group or list covers all that lies below it.
class Problems {
 public:
  /// Unless the condition holds, the key has this problem. `others` are the
  /// further keys the condition depends on: while one of them is at fault, the
  /// condition says nothing.
  void require(bool condition, const std::string& key, const std::string& text,
               std::initializer_list<std::string> others = {});

  /// "must be at least 1 (is 0)", and what else there is to say.
  template <class Number>
  void in_range(Number value, const Range& range, const std::string& key,
                const std::string& suggestion = "") {
    require(range.contains(static_cast<double>(value)), key,
            "must be " + range.text() + " (is " + number_text(value) + ")" +
                (suggestion.empty() ? "" : "; " + suggestion));
  }
  /// The same for each item of a list.
  template <class Numbers>
  void all_in_range(const Numbers& values, const Range& range,
                    const std::string& key) {
    for (size_t i = 0; i < values.size(); ++i) {
      in_range(values[i], range, item_key(key, i));
    }
  }
  /// An array of two that must be [least, largest] within a range.
  template <class Numbers>
  void ordered(const Numbers& values, const Range& range,
               const std::string& key) {
    all_in_range(values, range, key);
    require(values[0] <= values[1], key,
            "must be [least, largest] (is [" + number_text(values[0]) + ", " +
                number_text(values[1]) + "]); swap them");
  }
  /// No two items of a list are the same.
  template <class Items>
  void distinct(const Items& items, const std::string& key) {
    for (size_t i = 0; i < items.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        require(items[i] != items[j], item_key(key, i),
                "is the same as item [" + std::to_string(j) +
                    "] (each may be named once); remove one of them");
      }
    }
  }

  /// Checks options whose keys lie in a group, "data.transforms".
  template <class Options>
  void check_group(const std::string& group, const Options& options) {
    const std::string outer = group_;
    group_ += group + ".";
    options.check(*this);
    group_ = outer;
  }

  /// The key is known to be at fault, by whoever reports it.
  void distrust(const std::string& key);
  /// Whether the key, or one above or below it, is at fault.
  bool at_fault(const std::string& key) const;

  const std::vector<Problem>& found() const { return found_; }
  /// Throws one ConfigError with all that was found.
  void throw_if_any() const;

 private:
  std::string group_;  ///< in front of all keys, with its dot
  std::vector<std::string> faulty_;
  std::vector<Problem> found_;
};

/// Throws ConfigError: the line, or all of them under a line with their number.
/// Returns where there is none.
void throw_problems(const std::vector<std::string>& lines);

/// Throws one ConfigError with all that is wrong with options.
template <class Options>
void validate(const Options& options) {
  Problems problems;
  options.check(problems);
  problems.throw_if_any();
}

}  // namespace unimiss
