#include "distributed/meeting.h"

#include <c10/util/Logging.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
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

/// What c10d says while processes meet, backtraces included, is in what it
/// throws, too: it is not said unless TORCH_CPP_LOG_LEVEL asks for it.
class QuietC10d {
 public:
  QuietC10d() {
    if (std::getenv("TORCH_CPP_LOG_LEVEL") == nullptr) {
      FLAGS_caffe2_log_level = c10::GLOG_FATAL;
    } else {
      c10::initLogging();  // reads it
      before_ = FLAGS_caffe2_log_level;
    }
  }
  ~QuietC10d() { FLAGS_caffe2_log_level = before_; }
  QuietC10d(const QuietC10d&) = delete;
  QuietC10d& operator=(const QuietC10d&) = delete;

 private:
  int before_ = FLAGS_caffe2_log_level;
};

std::string place_of(const World& world) {
  return fmt::format("{} at port {}", world.address, world.port);
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
    throw LostProcess(fmt::format(
        "process {} of {} cannot reach {} ({}); name the machine of rank 0 by "
        "MASTER_ADDR, its free port by MASTER_PORT, and the network between "
        "them by GLOO_SOCKET_IFNAME",
        world.rank, world.size, place_of(world), why));
  }
}

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
  // Its own timeout comes first, as a rule.
  if (future.wait_for(timeout + seconds(2)) == std::future_status::timeout) {
    abandon(thread);
    throw LostProcess(fmt::format(
        "process {} of {} gets no answer from {}: something else listens "
        "there, or the name is not found; name another MASTER_PORT, or the "
        "address by MASTER_ADDR",
        world.rank, world.size, place_of(world)));
  }
  thread.join();
  return future.get();
}

std::string arrived(int64_t rank) { return fmt::format("arrived/{}", rank); }

/// All say how many they take themselves for.
void await_all(const World& world, c10d::Store& store, seconds timeout) {
  store.set(arrived(world.rank), std::to_string(world.size));
  const Stopwatch waiting;
  double told_after = 10;
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
    if (duration<double>(waiting.seconds()) > timeout) {
      throw LostProcess(
          what + fmt::format(", which did not come within {} s; start all of "
                             "them, with the same MASTER_ADDR and MASTER_PORT",
                             timeout.count()));
    }
    if (waiting.seconds() > told_after) {
      log_warning(what);
      told_after += 60;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace

StorePointer meet(const World& world, seconds timeout) {
  const QuietC10d quiet;
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
