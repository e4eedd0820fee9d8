#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "unimiss/core/error.h"
#include "unimiss/core/problems.h"

/// The vocabulary of options structs.
///
/// An options struct is an aggregate with defaults, a function
/// `void check(Problems& problems) const`, which finds all values that cannot
/// be (validate() of core/problems.h throws them), and
///
///     template <class Self, class Visitor>
///     static void visit_fields(Self& self, Visitor&& visit) {
///       visit("depth", self.depth, "blocks per stage");
///     }
///
/// That one list reads YAML, writes it, documents it and compares two structs.
/// What else is true of a field stands behind its meaning:
///
///       visit("images", self.images, "list of images",
///             kPath | kList | kMayChange);
///       visit("blocks", self.blocks, "of all stages", was("depths"));
///
/// A visitor takes it as a last argument, `FieldAttributes attributes = {}`.
namespace unimiss {

/// Whether a run that goes on may have another value than it began with.
enum class Change {
  kNever,   ///< it would be another run
  kLength,  ///< if no step that is done would have been another one
  kFree,
};

struct FieldAttributes {
  bool path = false;  ///< of files or folders: saved as absolute paths
  bool list = false;  ///< of files that name the data
  Change change = Change::kNever;
  /// An earlier spelling of the key, which is still read.
  std::string_view was = {};

  friend constexpr FieldAttributes operator|(const FieldAttributes& a,
                                             const FieldAttributes& b) {
    return {a.path || b.path, a.list || b.list,
            a.change == Change::kNever ? b.change : a.change,
            a.was.empty() ? b.was : a.was};
  }
};

inline constexpr FieldAttributes kPath{.path = true};
inline constexpr FieldAttributes kList{.list = true};
inline constexpr FieldAttributes kLength{.change = Change::kLength};
inline constexpr FieldAttributes kMayChange{.change = Change::kFree};
constexpr FieldAttributes was(std::string_view earlier) {
  return {.was = earlier};
}

/// Specialise for an enum that appears in options: the value's config names.
template <class Enum>
struct EnumNames;  // static constexpr std::array kNames{std::pair{Enum, "..."}}

/// The config name of an enumerator.
template <class Enum>
std::string_view enum_name(Enum value) {
  for (const auto& [candidate, name] : EnumNames<Enum>::kNames) {
    if (candidate == value) return name;
  }
  return "?";
}

/// All config names of an enum, "a, b, c".
template <class Enum>
std::string enum_choices() {
  std::string choices;
  for (const auto& [value, name] : EnumNames<Enum>::kNames) {
    choices += (choices.empty() ? "" : ", ") + std::string(name);
  }
  return choices;
}

/// Throws ConfigError "<key>: <problem>" unless the condition holds.
inline void require(bool condition, const std::string& key,
                    const std::string& problem) {
  if (!condition) throw ConfigError(key + ": " + problem);
}

/// Calls work(); a ConfigError of it gets the prefix in front of its key.
template <class Work>
void with_key_prefix(const std::string& prefix, const Work& work) {
  try {
    work();
  } catch (const ConfigError& error) {
    throw ConfigError(prefix + error.what());
  }
}

}  // namespace unimiss
