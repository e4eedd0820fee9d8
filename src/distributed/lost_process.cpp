#include "distributed/lost_process.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <future>
#include <memory>
#include <optional>
#include <sstream>
#include <thread>

#include "distributed/quiet_c10d.h"
#include "unimiss/core/abandoned_thread.h"
#include "unimiss/core/error_message.h"
#include "unimiss/core/log.h"
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

bool has_ended(const Peer& peer) { return peer.visible && !runs(peer.process); }

/// The processes that have not come to know of the loss, which those that end
/// because of it have: within kPatience, or once one of them is seen to have
/// ended. Throws where the store does not answer.
std::vector<int64_t> silent(const Company& company) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  company.store->set(noticed(company.world.rank), "1");
  std::vector<int64_t> ranks;
  bool seen = false;
  while (true) {
    // Those that end because of it may be about to say so.
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    ranks.clear();
    for (int64_t rank = 0; rank < company.world.size; ++rank) {
      if (rank == company.world.rank) continue;
      if (!company.store->check({noticed(rank)})) ranks.push_back(rank);
    }
    const bool last =
        seen || ranks.empty() || std::chrono::steady_clock::now() > until;
    seen = std::any_of(ranks.begin(), ranks.end(), [&](int64_t rank) {
      return has_ended(company.peers[rank]);
    });
    if (last) break;
  }
  if (seen) {
    std::erase_if(
        ranks, [&](int64_t rank) { return !has_ended(company.peers[rank]); });
  }
  return ranks;
}

/// The store may be at the other end of a network that is gone: asked by a
/// thread that nobody waits for longer than need be.
class Inquiry {
 public:
  explicit Inquiry(const Company& company)
      : thread_([company, answer = answer_] {
          try {
            answer->set_value(silent(company));
          } catch (const std::exception&) {
            answer->set_value(std::nullopt);
          }
        }) {}
  ~Inquiry() {
    over(std::chrono::seconds(0)) ? thread_.join() : abandon(thread_);
  }
  Inquiry(const Inquiry&) = delete;
  Inquiry& operator=(const Inquiry&) = delete;

  /// Whether there is an answer, or none to come, within some time.
  bool over(std::chrono::milliseconds time) const {
    return future_.wait_for(time) == std::future_status::ready;
  }
  std::optional<std::vector<int64_t>> answer() { return future_.get(); }

 private:
  using Answer = std::promise<std::optional<std::vector<int64_t>>>;
  std::shared_ptr<Answer> answer_ = std::make_shared<Answer>();
  std::shared_future<std::optional<std::vector<int64_t>>> future_ =
      answer_->get_future().share();
  std::thread thread_;
};

/// The processes that are lost, as far as that can be known.
std::vector<int64_t> lost_ranks(const Company& company) {
  Inquiry inquiry(company);
  // Of a store that is gone there is no answer.
  if (inquiry.over(2 * kPatience)) {
    if (const auto quiet = inquiry.answer()) return *quiet;
  }
  const auto ended = [&] {
    std::vector<int64_t> ranks;
    for (int64_t rank = 0; rank < company.world.size; ++rank) {
      if (has_ended(company.peers[rank])) ranks.push_back(rank);
    }
    return ranks;
  };
  // A process that ends takes its time: the store may be gone before it.
  const auto until = std::chrono::steady_clock::now() + kPatience;
  std::vector<int64_t> ranks = ended();
  while (ranks.empty() && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    ranks = ended();
  }
  // The store is the first one's.
  if (ranks.empty() && !company.world.agent_store) ranks.push_back(0);
  return ranks;
}

/// "process 3 (pid 712 on gpu04) has ended".
std::string words_of(const Company& company, int64_t rank) {
  const Peer& peer = company.peers[rank];
  return fmt::format("process {} (pid {} on {}) {}", rank, peer.process,
                     peer.host,
                     has_ended(peer) ? "has ended" : "does not answer");
}

}  // namespace

bool some_peer_has_ended(const Company& company) {
  return std::any_of(
      company.peers.begin(), company.peers.end(),
      [](const Peer& peer) { return peer.visible && !runs(peer.process); });
}

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
  // The store may be lost, too.
  const QuietC10d quiet;
  const World& world = company.world;
  std::vector<std::string> lost;
  // Before they have met nobody is known.
  if (!company.peers.empty()) {
    const auto ranks = lost_ranks(company);
    for (const int64_t rank : ranks) lost.push_back(words_of(company, rank));
    // The first process tells it for all.
    const bool first_is_there =
        std::find(ranks.begin(), ranks.end(), 0) == ranks.end();
    if (world.rank > 0 && !ranks.empty() && first_is_there) log_no_more();
  }
  if (lost.empty()) {
    lost.emplace_back("look for the first process that failed");
  }
  throw LostProcess(fmt::format(
      "process {} of {} lost the others while {}: {} ({})", world.rank,
      world.size, work, fmt::join(lost, "; "), error_message(error)));
}

}  // namespace unimiss::distributed
