#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

/// The files of folders, as nnU-Net names them.
namespace unimiss::data {

/// "liver_1_0001", a name without its ending: liver_1, 1.
struct ChannelName {
  std::string id;
  int64_t channel;
};
/// Nothing where the name does not end in _ and four digits.
std::optional<ChannelName> split_channel(const std::string& name);

/// Warns of entries of a folder that are left out, as they are no `what`.
void warn_unused(const std::string& folder, const std::set<std::string>& names,
                 const std::string& what);

}  // namespace unimiss::data
