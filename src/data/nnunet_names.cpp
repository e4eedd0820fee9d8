#include "data/nnunet_names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "unimiss/core/log.h"

namespace unimiss::data {

std::optional<ChannelName> split_channel(const std::string& name) {
  constexpr size_t kDigits = 4;
  if (name.size() <= kDigits + 1) return std::nullopt;
  const size_t end = name.size() - kDigits;
  if (name[end - 1] != '_') return std::nullopt;
  int64_t channel = 0;
  for (const char digit : std::string_view(name).substr(end)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    channel = 10 * channel + (digit - '0');
  }
  return ChannelName{name.substr(0, end - 1), channel};
}

void warn_unused(const std::string& folder, const std::set<std::string>& names,
                 const std::string& what) {
  if (names.empty()) return;
  constexpr size_t kShown = 5;
  const auto end =
      std::next(names.begin(),
                static_cast<std::ptrdiff_t>(std::min(names.size(), kShown)));
  log_warning(fmt::format(
      "{}: {} entries are not used, as they are no {}: "
      "{}{}",
      folder, names.size(), what, fmt::join(names.begin(), end, ", "),
      names.size() > kShown ? ", ..." : ""));
}

}  // namespace unimiss::data
