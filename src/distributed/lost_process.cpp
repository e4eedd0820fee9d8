#include "distributed/lost_process.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "unimiss/core/error_message.h"
#include "unimiss/distributed/communicator.h"

namespace unimiss::distributed {
namespace {

/// How long the others may take to notice, too.
constexpr std::chrono::seconds kPatience{5};

std::string own_host() {
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  return host;
}

/// Whether a process of this machine runs; one that nobody has waited for yet
/// does not.
bool runs(pid_t process) {
  std::ifstream file(fmt::format("/proc/{}/stat", process));
  std::string text;
  if (!std::getline(file, text)) return false;
  const size_t name_end = text.rfind(')');
  return name_end == std::string::npos || text.compare(name_end, 3, ") Z") != 0;
}

std::string noticed(int64_t rank) { return fmt::format("noticed/{}", rank); }

/// Of the processes that cannot be looked for, those that have not noticed.
std::vector<int64_t> silent(const Company& company) {
  std::vector<int64_t> ranks;
  for (int64_t rank = 0; rank < company.world.size; ++rank) {
    if (company.peers[rank].visible || rank == company.world.rank) continue;
    if (!company.store->check({noticed(rank)})) ranks.push_back(rank);
  }
  return ranks;
}

/// "process 3 (pid 712 on gpu04) has ended"; empty: not known.
std::string who_is_lost(const Company& company) {
  std::vector<std::string> lost;
  const auto tell = [&](int64_t rank, const char* what) {
    const Peer& peer = company.peers[rank];
    lost.push_back(fmt::format("process {} (pid {} on {}) {}", rank,
                               peer.process, peer.host, what));
  };
  const auto until = std::chrono::steady_clock::now() + kPatience;
  std::vector<int64_t> quiet;
  try {
    company.store->set(noticed(company.world.rank), "1");
    quiet = silent(company);
  } catch (const std::exception&) {
    lost.emplace_back("the meeting place is gone, with process 0");
  }
  while (true) {
    for (int64_t rank = 0; rank < company.world.size; ++rank) {
      const Peer& peer = company.peers[rank];
      if (peer.visible && !runs(peer.process)) tell(rank, "has ended");
    }
    if (!lost.empty() || std::chrono::steady_clock::now() > until) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    try {
      quiet = silent(company);
    } catch (const std::exception&) {
      lost.emplace_back("the meeting place is gone, with process 0");
    }
  }
  if (lost.empty()) {
    for (const int64_t rank : quiet) tell(rank, "does not answer");
  }
  return fmt::format("{}", fmt::join(lost, "; "));
}

}  // namespace

std::string own_place() { return fmt::format("{} {}", own_host(), getpid()); }

std::vector<Peer> peers_of(const std::vector<std::string>& places) {
  std::vector<Peer> peers;
  for (const std::string& place : places) {
    Peer peer;
    std::istringstream(place) >> peer.host >> peer.process;
    peer.visible = peer.host == own_host() && runs(peer.process);
    peers.push_back(std::move(peer));
  }
  return peers;
}

void throw_lost(const Company& company, const std::string& work,
                const std::exception& error) {
  const World& world = company.world;
  // Before they have met nobody is known.
  const std::string who =
      company.peers.empty() ? std::string() : who_is_lost(company);
  throw LostProcess(
      fmt::format("process {} of {} lost the others while {}: {} ({})",
                  world.rank, world.size, work,
                  who.empty() ? "look for the first process that failed" : who,
                  error_message(error)));
}

}  // namespace unimiss::distributed
