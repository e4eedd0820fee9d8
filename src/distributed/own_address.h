#pragma once

#include <string>

namespace unimiss::distributed {

/// The numeric address of this machine on its way to a host; where that is the
/// host itself, known to itself by a loopback address, that of its first
/// network. Empty where there is none.
std::string own_address(const std::string& host);

}  // namespace unimiss::distributed
