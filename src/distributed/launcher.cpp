#include "unimiss/distributed/launcher.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "unimiss/core/error.h"
#include "unimiss/core/fields.h"
#include "unimiss/core/log.h"
#include "unimiss/distributed/free_port.h"
#include "unimiss/distributed/process.h"
#include "unimiss/distributed/world.h"

namespace unimiss::distributed {
namespace {

constexpr std::array kForwarded{SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
/// What its processes have in their environment.
constexpr const char* kOwnLaunch = "UNIMISS_LAUNCH";

/// How long the others may take to notice that one has failed, and then to end;
/// and the first one, which may be saving.
constexpr std::chrono::seconds kToNotice{5}, kToEnd{35}, kToSave{600};

// What the handler of signals needs.
constexpr size_t kMost = 1024;
std::array<std::atomic<pid_t>, kMost> children{};

// Those that have been passed on, by number.
std::array<std::atomic<bool>, NSIG> forwarded{};

bool was_forwarded(int signal) {
  return forwarded.at(static_cast<size_t>(signal));
}

void forward(int signal) {
  const int saved = errno;
  forwarded.at(static_cast<size_t>(signal)) = true;
  for (const auto& child : children) {
    const pid_t process = child.load();
    if (process > 0) kill(process, signal);
  }
  errno = saved;
}

/// The environment of a process, without what another launcher said.
std::vector<std::string> variables_of(int64_t rank, int64_t processes,
                                      int64_t port) {
  const std::vector<std::string> ours{
      fmt::format("RANK={}", rank),
      fmt::format("LOCAL_RANK={}", rank),
      fmt::format("WORLD_SIZE={}", processes),
      fmt::format("LOCAL_WORLD_SIZE={}", processes),
      "MASTER_ADDR=127.0.0.1",
      fmt::format("MASTER_PORT={}", port),
      std::string(kOwnLaunch) + "=1"};
  std::vector<std::string> variables = own_environment();
  for (const std::string& variable : ours) {
    const std::string name = variable.substr(0, variable.find('=') + 1);
    std::erase_if(variables, [&](const std::string& other) {
      return other.starts_with(name) || other.starts_with("TORCHELASTIC_");
    });
  }
  variables.insert(variables.end(), ours.begin(), ours.end());
  return variables;
}

/// Passes signals on from now on, but for those that this process was started
/// to ignore, as by nohup: so do its children.
void begin_forwarding() {
  for (const int signal : kForwarded) {
    struct sigaction action {};
    sigaction(signal, nullptr, &action);
    if (action.sa_handler == SIG_IGN) continue;
    action = {};
    action.sa_handler = forward;
    action.sa_flags = SA_RESTART;
    // Children inherit no handlers: they begin with a new program.
    sigaction(signal, &action, nullptr);
  }
}

/// All processes of a launch.
class Launch {
 public:
  explicit Launch(const LaunchRequest& request)
      : stop_signals_(request.stop_signals) {
    const int64_t port = free_port();
    for (int64_t rank = 0; rank < request.processes; ++rank) {
      children.at(static_cast<size_t>(rank)) =
          start_process(request.program, request.words,
                        variables_of(rank, request.processes, port));
      ++running_;
      // What came before it was there.
      for (const int signal : kForwarded) {
        if (was_forwarded(signal))
          kill(children[static_cast<size_t>(rank)], signal);
      }
    }
  }

  /// Waits for all; the exit status of the whole.
  int wait() {
    while (running_ > 0) {
      int status = 0;
      const bool all_end = failed_ || stopped_;
      const pid_t ended = waitpid(-1, &status, all_end ? WNOHANG : 0);
      if (ended > 0) {
        note(ended, status);
      } else if (ended < 0 && errno != EINTR) {
        break;
      } else if (all_end) {
        end_others();
      }
    }
    return failed_ ? first_failure_ : worst_;
  }

 private:
  using Clock = std::chrono::steady_clock;

  /// One that a signal ends which asks a run to stop has not begun yet, or has
  /// finished: it had nothing to save.
  int code_of(int status) const {
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    const int signal = WTERMSIG(status);
    const bool asks = std::find(stop_signals_.begin(), stop_signals_.end(),
                                signal) != stop_signals_.end();
    return asks && was_forwarded(signal) ? kExitPreempted : kExitFailed;
  }

  void note(pid_t ended, int status) {
    const auto child = std::find(children.begin(), children.end(), ended);
    if (child == children.end()) return;
    *child = 0;
    --running_;
    const int code = code_of(status);
    worst_ = std::max(worst_, code);
    if (code == EXIT_SUCCESS || failed_) return;
    if (code == kExitPreempted) {
      // One that had not begun yet has not told the others.
      if (!stopped_) since_ = Clock::now();
      stopped_ = true;
      return;
    }
    failed_ = true;
    first_failure_ = code;
    since_ = Clock::now();
    // What went wrong the processes tell themselves, if they can.
    if (!WIFSIGNALED(status)) return;
    const int signal = WTERMSIG(status);
    log_warning(fmt::format(
        "process {} was ended by signal {} ({}{}); {}the same command goes on "
        "from the newest checkpoint",
        child - children.begin(), signal, strsignal(signal),
        was_forwarded(signal)
            ? ", passed on to all; run.stop_signals do not hold it"
            : "",
        running_ > 0 ? "the others will end, too; " : ""));
  }

  /// They notice it themselves, as a rule.
  void end_others() {
    const auto waited = Clock::now() - since_;
    if (waited > kToNotice && !terminated_) {
      // What trains has noticed by itself, and may be saving: a second one
      // would end it. What still waits for the others ends now.
      if (!was_forwarded(SIGTERM)) forward(SIGTERM);
      terminated_ = true;
    }
    if (failed_ && waited > kToNotice + kToEnd) {
      if (!killed_) log_warning("processes that do not end are killed");
      killed_ = true;
      for (size_t rank = 1; rank < children.size(); ++rank) end(children[rank]);
    }
    if (failed_ && waited > kToSave) end(children[0]);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }

  static void end(pid_t process) {
    if (process > 0) kill(process, SIGKILL);
  }

  std::vector<int> stop_signals_;
  int64_t running_ = 0;
  bool stopped_ = false, failed_ = false, terminated_ = false, killed_ = false;
  int first_failure_ = 0, worst_ = 0;
  Clock::time_point since_;
};

}  // namespace

bool should_launch(int64_t processes) {
  if (processes == 1 || std::getenv(kOwnLaunch) != nullptr) return false;
  const auto world = world_from_environment();
  const bool launched = world.size > 1 || std::getenv("RANK") != nullptr;
  require(!launched, "--nproc-per-node",
          fmt::format("is {}, but the environment says that this is process {} "
                      "of {} (RANK, WORLD_SIZE, or those of srun); leave the "
                      "option out, or start one process",
                      processes, world.rank, world.size));
  return true;
}

int launch(const LaunchRequest& request) {
  begin_forwarding();
  return Launch(request).wait();
}

}  // namespace unimiss::distributed
