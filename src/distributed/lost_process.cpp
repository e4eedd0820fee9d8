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

#include "unimiss/core/abandoned_thread.h"
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

/// Of the processes that cannot be looked for, those that have not come to know
/// of the loss within kPatience; nothing where the store does not answer.
std::optional<std::vector<int64_t>> silent(const Company& company) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  company.store->set(noticed(company.world.rank), "1");
  std::vector<int64_t> ranks;
  do {
    ranks.clear();
    for (int64_t rank = 0; rank < company.world.size; ++rank) {
      if (company.peers[rank].visible || rank == company.world.rank) continue;
      if (!company.store->check({noticed(rank)})) ranks.push_back(rank);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  } while (!ranks.empty() && std::chrono::steady_clock::now() < until);
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

/// "process 3 (pid 712 on gpu04) has ended"; empty: not known.
std::string who_is_lost(const Company& company) {
  std::vector<std::string> lost;
  const auto tell = [&](int64_t rank, const char* what) {
    const Peer& peer = company.peers[rank];
    lost.push_back(fmt::format("process {} (pid {} on {}) {}", rank,
                               peer.process, peer.host, what));
  };
  Inquiry inquiry(company);
  const auto begin = std::chrono::steady_clock::now();
  bool over = false;
  do {
    if (over) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    over = inquiry.over(std::chrono::milliseconds(100));
    for (int64_t rank = 0; rank < company.world.size; ++rank) {
      const Peer& peer = company.peers[rank];
      if (peer.visible && !runs(peer.process)) tell(rank, "has ended");
    }
    // A process that ends takes its time: the store may be gone before it.
  } while (lost.empty() && std::chrono::steady_clock::now() - begin <
                               (over ? kPatience : 2 * kPatience));
  if (!lost.empty()) return fmt::format("{}", fmt::join(lost, "; "));
  if (const auto quiet = over ? inquiry.answer() : std::nullopt) {
    for (const int64_t rank : *quiet) tell(rank, "does not answer");
  } else if (!company.peers[0].visible) {
    lost.emplace_back("the machine of process 0 does not answer");
  }
  return fmt::format("{}", fmt::join(lost, "; "));
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
