#pragma once

#include <array>
#include <chrono>
#include <cstddef>

namespace unimiss::augment {

/// What preparing a sample consists of.
enum class Stage {
  kDecode,     ///< of a file, orientation and spacing included
  kStore,      ///< into the cache
  kCheck,      ///< an entry's checksum, once a process
  kResample,   ///< crop, zoom and flip; reads the cached pages
  kNoise,      ///< Gaussian noise
  kBlur,       ///< Gaussian blur
  kIntensity,  ///< brightness, contrast, gamma, colours
};
constexpr size_t kStages = 7;
constexpr std::array<const char*, kStages> kStageNames{
    "decode", "store", "check", "resample", "noise", "blur", "intensity"};

/// While one exists, the stages that its own thread goes through are timed: for
/// measurements. At most one a thread.
class StageTimes {
 public:
  StageTimes() { current() = this; }
  ~StageTimes() { current() = nullptr; }
  StageTimes(const StageTimes&) = delete;
  StageTimes& operator=(const StageTimes&) = delete;

  /// Seconds so far, by stage.
  const std::array<double, kStages>& seconds() const { return seconds_; }

 private:
  friend class StageTimer;
  static StageTimes*& current() {
    thread_local StageTimes* times = nullptr;
    return times;
  }
  std::array<double, kStages> seconds_{};
};

/// Times a scope as a stage; costs nothing where nobody measures.
class StageTimer {
 public:
  explicit StageTimer(Stage stage)
      : times_(StageTimes::current()), stage_(stage) {
    if (times_ != nullptr) begin_ = Clock::now();
  }
  ~StageTimer() {
    if (times_ == nullptr) return;
    const std::chrono::duration<double> elapsed = Clock::now() - begin_;
    times_->seconds_[static_cast<size_t>(stage_)] += elapsed.count();
  }
  StageTimer(const StageTimer&) = delete;
  StageTimer& operator=(const StageTimer&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  StageTimes* times_;
  Stage stage_;
  Clock::time_point begin_;
};

}  // namespace unimiss::augment
