#pragma once

#include <sys/types.h>

#include <exception>
#include <string>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <vector>

#include "unimiss/distributed/world.h"

namespace unimiss::distributed {

/// Where a process of the world runs.
struct Peer {
  std::string host;
  pid_t process = 0;
  bool visible = false;  ///< whether this process can see whether it is there
};

/// As own_place() of each process told.
std::vector<Peer> peers_of(const std::vector<std::string>& places);
/// Of this process, for peers_of().
std::string own_place();

/// Who they are and where they met; what is needed to tell which of them is
/// gone.
struct Company {
  World world;
  std::vector<Peer> peers;
  c10::intrusive_ptr<c10d::Store> store;
};

/// Whether a process of this machine has ended.
bool some_peer_has_ended(const Company& company);

/// Throws a LostProcess for what c10d threw during some work. It names the
/// processes that have ended (of this machine, by looking for them) or that
/// have not come to know of the loss themselves within a few seconds.
[[noreturn]] void throw_lost(const Company& company, const std::string& work,
                             const std::exception& error);

}  // namespace unimiss::distributed
