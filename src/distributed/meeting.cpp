#include "distributed/meeting.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <vector>

#include "unimiss/core/abandoned_thread.h"
#include "unimiss/core/error_message.h"
#include "unimiss/core/log.h"
#include "unimiss/core/stopwatch.h"
#include "unimiss/distributed/communicator.h"

namespace unimiss::distributed {
namespace {

using StorePointer = c10::intrusive_ptr<c10d::Store>;
using std::chrono::duration;
using std::chrono::seconds;

std::string place_of(const World& world) {
  return fmt::format("{} at port {}", world.address, world.port);
}

[[noreturn]] void throw_unreached(const World& world, const std::string& why) {
  throw LostProcess(fmt::format(
      "process {} of {} cannot reach {} ({}): process 0 was not started there, "
      "has ended, or is behind a firewall, or something else listens there; "
      "name the machine of rank 0 by MASTER_ADDR, its free port by "
      "MASTER_PORT, and the network between them by GLOO_SOCKET_IFNAME",
      world.rank, world.size, place_of(world), why));
}

StorePointer open_store(const World& world, seconds timeout) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(world.port);
  options.isServer = !world.agent_store && world.rank == 0;
  options.numWorkers = static_cast<size_t>(world.size);
  options.waitWorkers = false;
  options.timeout = timeout;
  try {
    const auto store =
        c10::make_intrusive<c10d::TCPStore>(world.address, options);
    // What an earlier attempt wrote must not be read.
    return c10::make_intrusive<c10d::PrefixStore>("unimiss/" + world.attempt,
                                                  store);
  } catch (const std::exception& error) {
    const std::string why = error_message(error);
    if (options.isServer && why.find("EADDRINUSE") != std::string::npos) {
      throw ConfigError(fmt::format(
          "MASTER_PORT: process 0 cannot listen at port {} ({}); name a free "
          "one",
          world.port, why));
    }
    throw_unreached(world, why);
  }
}

/// Tells now and then, seldom in the long run, what is waited for.
class Reminder {
 public:
  void tell(const std::string& what) {
    if (waiting_.seconds() < told_after_) return;
    log_warning(what);
    told_after_ += 60;
  }
  double seconds() const { return waiting_.seconds(); }

 private:
  Stopwatch waiting_;
  double told_after_ = 10;
};

/// Who listens there may be no store and never answer.
StorePointer open_store_in_time(const World& world, seconds timeout) {
  auto opened = std::make_shared<std::promise<StorePointer>>();
  auto future = opened->get_future();
  std::thread thread([world, timeout, opened] {
    try {
      opened->set_value(open_store(world, timeout));
    } catch (...) {
      opened->set_exception(std::current_exception());
    }
  });
  Reminder reminder;
  while (future.wait_for(std::chrono::milliseconds(200)) ==
         std::future_status::timeout) {
    reminder.tell(fmt::format("process {} of {} waits for process 0 at {}",
                              world.rank, world.size, place_of(world)));
    // Its own timeout comes first, as a rule.
    if (duration<double>(reminder.seconds()) > timeout + seconds(2)) {
      abandon(thread);
      throw_unreached(world, "no answer");
    }
  }
  thread.join();
  return future.get();
}

std::string arrived(int64_t rank) { return fmt::format("arrived/{}", rank); }

/// All say how many they take themselves for.
void await_all(const World& world, c10d::Store& store, seconds timeout) {
  store.set(arrived(world.rank), std::to_string(world.size));
  Reminder reminder;
  std::vector<int64_t> missing;
  for (int64_t rank = 0; rank < world.size; ++rank) missing.push_back(rank);
  while (true) {
    std::erase_if(missing, [&](int64_t rank) {
      if (!store.check({arrived(rank)})) return false;
      const std::string size = store.get_to_str(arrived(rank));
      if (size == std::to_string(world.size)) return true;
      throw ConfigError(fmt::format(
          "WORLD_SIZE: is {} here (process {}) and {} in process {}; all must "
          "be told the same",
          world.size, world.rank, size, rank));
    });
    if (missing.empty()) return;
    const std::string what =
        fmt::format("process {} of {} waits at {} for {}", world.rank,
                    world.size, place_of(world), fmt::join(missing, ", "));
    if (duration<double>(reminder.seconds()) > timeout) {
      throw LostProcess(
          what + fmt::format(", which did not come within {} s; start all of "
                             "them, with the same MASTER_ADDR and MASTER_PORT",
                             timeout.count()));
    }
    reminder.tell(what);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace

StorePointer meet(const World& world, seconds timeout) {
  StorePointer store = open_store_in_time(world, timeout);
  try {
    await_all(world, *store, timeout);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw LostProcess(fmt::format(
        "process {} of {} lost {} while waiting for the others ({})",
        world.rank, world.size, place_of(world), error_message(error)));
  }
  return store;
}

}  // namespace unimiss::distributed
