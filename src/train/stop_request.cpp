#include "unimiss/train/stop_request.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "unimiss/core/error.h"
#include "unimiss/core/log.h"

namespace unimiss::train {
namespace {

// What a handler may touch: lock-free atomics.
std::atomic<bool> saving_needed{false};
std::atomic<int> received{0};
static_assert(std::atomic<int>::is_always_lock_free);

std::atomic<int64_t> received_at{0};
static_assert(std::atomic<int64_t>::is_always_lock_free);

int64_t milliseconds_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{1000} * now.tv_sec + now.tv_nsec / 1'000'000;
}

void handle(int signal) {
  if (!saving_needed.load()) {
    constexpr std::string_view kMessage =
        "stopped before training began: nothing is to be saved\n";
    // Nothing to do about a message that cannot be written.
    [[maybe_unused]] const auto written =
        write(STDERR_FILENO, kMessage.data(), kMessage.size());
    _exit(kExitPreempted);
  }
  int none = 0;
  if (received.compare_exchange_strong(none, signal)) {
    received_at = milliseconds_now();
  } else if (milliseconds_now() - received_at.load() >= 1000) {
    _exit(kExitPreempted);
  }
}

/// Seconds from now until SLURM ends the job, if it says so.
std::optional<double> until_slurm_ends_it() {
  const char* text = std::getenv("SLURM_JOB_END_TIME");
  if (text == nullptr) return std::nullopt;
  const std::string_view digits(text);
  int64_t end = 0;
  const auto [stopped, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), end);
  if (error != std::errc() || stopped != digits.data() + digits.size()) {
    return std::nullopt;
  }
  const std::chrono::duration<double> now =
      std::chrono::system_clock::now().time_since_epoch();
  return static_cast<double>(end) - now.count();
}

}  // namespace

int number_of(StopSignal signal) {
  switch (signal) {
    case StopSignal::kTerm:
      return SIGTERM;
    case StopSignal::kInt:
      return SIGINT;
    case StopSignal::kHup:
      return SIGHUP;
    case StopSignal::kUsr1:
      return SIGUSR1;
    case StopSignal::kUsr2:
      return SIGUSR2;
  }
  return SIGTERM;
}

/// Installed for its lifetime.
class StopRequest::Handlers {
 public:
  explicit Handlers(const std::vector<StopSignal>& signals) {
    saving_needed = false;
    received = 0;
    struct sigaction action {};
    action.sa_handler = handle;
    // Reads and writes go on where a signal interrupts them.
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    for (const StopSignal signal : signals) {
      previous_.emplace_back();
      previous_.back().signal = number_of(signal);
      sigaction(previous_.back().signal, &action, &previous_.back().action);
    }
  }
  ~Handlers() {
    for (auto item = previous_.rbegin(); item != previous_.rend(); ++item) {
      sigaction(item->signal, &item->action, nullptr);
    }
  }
  Handlers(const Handlers&) = delete;
  Handlers& operator=(const Handlers&) = delete;

 private:
  struct Previous {
    int signal = 0;
    struct sigaction action {};
  };
  std::vector<Previous> previous_;
};

StopRequest::StopRequest(const std::vector<StopSignal>& signals, double limit)
    : handlers_(std::make_unique<Handlers>(signals)),
      limit_(limit),
      limit_name_(limit > 0 ? "run.time_limit" : "") {
  const auto slurm = until_slurm_ends_it();
  if (slurm && *slurm <= 0) {
    log_warning("SLURM_JOB_END_TIME is over: it is taken for another job's");
    return;
  }
  if (slurm && (limit_name_.empty() || *slurm < limit_)) {
    limit_ = *slurm;
    limit_name_ = "the end of the SLURM job";
  }
}

StopRequest::~StopRequest() = default;

void StopRequest::begin() { saving_needed = true; }

std::optional<std::string> StopRequest::reason(double needed) const {
  if (const int signal = received.load(); signal != 0) {
    return std::string("SIG") + sigabbrev_np(signal);
  }
  if (!limit_name_.empty() && stopwatch_.seconds() + needed > limit_) {
    return limit_name_;
  }
  return std::nullopt;
}

}  // namespace unimiss::train
