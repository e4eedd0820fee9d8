#include "unimiss/config/renamed_keys.h"

#include <fmt/format.h>

#include <algorithm>

namespace unimiss::config {

void RenamedKeys::rename(Node& mapping, const std::string& group,
                         std::string_view was, std::string_view now) {
  const auto named = [&](std::string_view key) {
    return std::find_if(
        mapping.entries.begin(), mapping.entries.end(),
        [key](const Node::Entry& entry) { return entry.key == key; });
  };
  const auto earlier = named(was);
  if (earlier == mapping.entries.end()) return;
  const std::string before = detail::join(group, was);
  const std::string after = detail::join(group, now);
  const auto present = named(now);
  if (present != mapping.entries.end()) {
    problems_.add(earlier->place, before,
                  fmt::format("is the earlier name of {}, which is given too "
                              "(at {}); remove this one",
                              after, present->place));
    mapping.entries.erase(earlier);
    return;
  }
  earlier->key = now;
  if (std::find(seen_.begin(), seen_.end(), before) != seen_.end()) return;
  seen_.push_back(before);
  warnings_.push_back(fmt::format("{}: {} is now called {}; use that name",
                                  earlier->place, before, after));
}

}  // namespace unimiss::config
