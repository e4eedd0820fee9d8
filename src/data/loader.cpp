#include "unimiss/data/loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <opencv2/core/utility.hpp>
#include <optional>
#include <thread>
#include <vector>

#include "data/named_stage.h"
#include "unimiss/core/abandoned_thread.h"
#include "unimiss/core/error.h"
#include "unimiss/core/fields.h"
#include "unimiss/core/log.h"
#include "unimiss/core/stopwatch.h"

namespace unimiss::data {
namespace {

std::vector<SampleSource> sources_of(const Dataset& dataset,
                                     const LoaderOptions& options) {
  if (options.sources.empty()) return {{dataset.size(), 0}};
  int64_t samples = 0;
  for (const SampleSource& source : options.sources) samples += source.samples;
  TORCH_CHECK(samples == dataset.size(), "the sources hold ", samples,
              " samples, the dataset ", dataset.size());
  return options.sources;
}

}  // namespace

void LoaderOptions::check(Problems& problems) const {
  problems.in_range(batch_size, at_least(1), "batch_size");
  problems.in_range(workers, between(0, kMaxWorkers), "workers");
  problems.in_range(queue_batches, between(1, kMaxQueueBatches),
                    "queue_batches");
  problems.in_range(world, at_least(1), "world");
  problems.in_range(rank, from_below(0, static_cast<double>(world)), "rank");
  problems.require(
      world < 1 || batch_size % world == 0, "batch_size",
      "must be divisible by the number of processes, " + std::to_string(world),
      {"world"});
  problems.in_range(parts, at_least(1), "parts");
  problems.require(world <= 1 || parts < 1 || batch_size % (world * parts) == 0,
                   "batch_size",
                   "must be divisible by processes times parts, " +
                       std::to_string(world * parts),
                   {"world", "parts"});
  problems.in_range(stall_seconds, at_least(0), "stall_seconds");
}

class Loader::Implementation {
  /// A batch being assembled; workers fill its rows in place.
  struct Slot {
    int64_t batch = 0;
    int64_t claimed = 0;  ///< rows that a worker has taken on
    int64_t done = 0;     ///< rows that are filled
    std::optional<augment::Sample> samples;  ///< allocated by the first row
    std::exception_ptr failure;
  };
  /// What a worker thread is at.
  struct Worker {
    std::thread thread;
    bool busy = false;
    int64_t batch = 0;
    Sampler::Draw draw;
    Stopwatch since;
    std::atomic<const char*> stage{nullptr};
  };

 public:
  Implementation(std::shared_ptr<const Dataset> dataset,
                 const LoaderOptions& options)
      : dataset_(std::move(dataset)),
        options_(options),
        rows_(options.batch_size / options.world),
        sampler_(sources_of(*dataset_, options), options.seed) {
    // OpenCV's own threads would only get in the way of the workers.
    cv::setNumThreads(1);
  }

  /// The threads keep what they work on alive.
  static void start(const std::shared_ptr<Implementation>& self) {
    for (int64_t i = 0; i < self->options_.workers; ++i) {
      Worker& worker = self->workers_.emplace_back();
      worker.thread = std::thread([self, &worker] { self->work(worker); });
    }
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_arrived_.notify_all();
    for (Worker& worker : workers_) {
      if (!worker.thread.joinable()) continue;
      if (comes_to_an_end(worker)) {
        worker.thread.join();
      } else {
        given_up_ = true;  // the others have had as long
        abandon(worker.thread);
      }
    }
  }

  augment::Sample next() {
    std::unique_lock lock(mutex_);
    extend_queue();
    const auto slot = queue_.front();
    if (workers_.empty()) {
      while (slot->claimed < rows_ && !slot->failure) {
        fill_row(*slot, slot->claimed++, lock);
      }
    } else {
      wait_for(*slot, lock);
    }
    if (slot->failure) std::rethrow_exception(slot->failure);
    queue_.pop_front();
    ++position_;
    sampler_.forget_before(position_ * options_.batch_size);
    extend_queue();
    return *slot->samples;
  }

  int64_t position() const {
    const std::lock_guard lock(mutex_);
    return position_;
  }

  int64_t ready() const {
    const std::lock_guard lock(mutex_);
    return std::count_if(queue_.begin(), queue_.end(), [&](const auto& slot) {
      return slot->done == rows_ && !slot->failure;
    });
  }

  bool next_is_ready() const {
    const std::lock_guard lock(mutex_);
    return !queue_.empty() && queue_.front()->done == rows_ &&
           !queue_.front()->failure;
  }

  std::vector<std::string> samples_of(int64_t batch) {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> samples;
    for (int64_t row = 0; row < rows_; ++row) {
      const Sampler::Draw draw = sampler_.at(place_of(batch, row));
      samples.push_back(fmt::format("{} (visit {}): {}", draw.index, draw.visit,
                                    dataset_->source(draw.index)));
    }
    sampler_.forget_before(position_ * options_.batch_size);
    return samples;
  }

  void seek(int64_t batch) {
    TORCH_CHECK(batch >= 0, "there is no batch ", batch);
    const std::lock_guard lock(mutex_);
    // Workers keep the slots they still write to alive.
    queue_.clear();
    position_ = batch;
    extend_queue();
  }

 private:
  void wait_for(const Slot& slot, std::unique_lock<std::mutex>& lock) {
    const auto ready = [&] { return slot.done == rows_ || slot.failure; };
    const Stopwatch waiting;
    const double limit = options_.stall_seconds;
    const auto left = [&] {
      constexpr double kMinute = 60;
      const double until_limit = limit - waiting.seconds();
      return std::chrono::duration<double>(
          limit > 0 ? std::min(kMinute, until_limit) : kMinute);
    };
    while (!slot_finished_.wait_for(lock, left(), ready)) {
      const std::string what =
          fmt::format("a batch is waited for since {:.0f} s: {}",
                      waiting.seconds(), slowest_of(slot));
      if (limit > 0 && waiting.seconds() >= limit) {
        given_up_ = true;
        throw RunError(what);
      }
      log_warning(what);
    }
  }

  /// Where samples may stall, whether a worker's does not.
  bool comes_to_an_end(const Worker& worker) {
    if (options_.stall_seconds == 0) return true;
    constexpr double kPatience = 10;
    const std::chrono::duration<double> patience(
        given_up_ ? 0 : std::min(options_.stall_seconds, kPatience));
    std::unique_lock lock(mutex_);
    return sample_ended_.wait_for(lock, patience, [&] { return !worker.busy; });
  }

  /// The sample of a batch that is in the making for the longest time.
  std::string slowest_of(const Slot& slot) {
    const Worker* slowest = nullptr;
    for (const Worker& worker : workers_) {
      if (!worker.busy || worker.batch != slot.batch) continue;
      if (slowest == nullptr ||
          worker.since.seconds() > slowest->since.seconds()) {
        slowest = &worker;
      }
    }
    if (slowest == nullptr) return "no worker is at it";
    const char* stage = slowest->stage;
    return fmt::format(
        "sample {} (visit {}) is in {} for {:.0f} s: {}", slowest->draw.index,
        slowest->draw.visit, stage == nullptr ? "preparation" : stage,
        slowest->since.seconds(), dataset_->source(slowest->draw.index));
  }

  /// Queues the batches from position_ on; the lock is held.
  void extend_queue() {
    const int64_t ahead = workers_.empty() ? 1 : options_.queue_batches;
    const auto missing = ahead - static_cast<int64_t>(queue_.size());
    for (int64_t i = 0; i < missing; ++i) {
      auto slot = std::make_shared<Slot>();
      slot->batch = position_ + static_cast<int64_t>(queue_.size());
      queue_.push_back(std::move(slot));
    }
    if (missing > 0) work_arrived_.notify_all();
  }

  std::shared_ptr<Slot> slot_with_work() const {
    for (const auto& slot : queue_) {
      if (slot->failure) return nullptr;  // nothing after it is delivered
      if (slot->claimed < rows_) return slot;
    }
    return nullptr;
  }

  void work(Worker& worker) {
    watched_stage() = &worker.stage;
    std::unique_lock lock(mutex_);
    while (true) {
      std::shared_ptr<Slot> slot;
      work_arrived_.wait(lock, [&] {
        return stopping_ || (slot = slot_with_work()) != nullptr;
      });
      if (stopping_) return;
      fill_row(*slot, slot->claimed++, lock, &worker);
    }
  }

  /// In the endless stream of draws.
  int64_t place_of(int64_t batch, int64_t row) const {
    const int64_t begin = batch * options_.batch_size;
    if (options_.world == 1) return begin + row;
    const int64_t share = rows_ / options_.parts;
    return begin + row / share * share * options_.world +
           options_.rank * share + row % share;
  }

  /// Prepares one row with the lock released, and holds it again at the end.
  void fill_row(Slot& slot, int64_t row, std::unique_lock<std::mutex>& lock,
                Worker* worker = nullptr) {
    Sampler::Draw draw;
    try {
      draw = sampler_.at(place_of(slot.batch, row));
      if (worker != nullptr) {
        worker->batch = slot.batch;
        worker->draw = draw;
        worker->since.restart();
        worker->stage = nullptr;
        worker->busy = true;
      }
      lock.unlock();
      Random random({options_.seed, static_cast<uint64_t>(draw.visit),
                     static_cast<uint64_t>(draw.index)});
      const augment::Sample sample = dataset_->sample(draw.index, random);
      lock.lock();
      if (!slot.samples) {
        slot.samples = augment::batch_like(
            sample, rows_,
            options_.pin_memory ? augment::HostMemory::kPageLocked
                                : augment::HostMemory::kPageable);
      }
      augment::Sample batch = *slot.samples;
      lock.unlock();
      augment::set_row(batch, row, sample);
      lock.lock();
    } catch (...) {
      if (!lock.owns_lock()) lock.lock();
      if (!slot.failure) slot.failure = failure_of(draw);
    }
    if (worker != nullptr) {
      worker->busy = false;
      sample_ended_.notify_all();
    }
    ++slot.done;
    if (slot.done == rows_ || slot.failure) slot_finished_.notify_all();
  }

  /// The exception in flight; bad data also tells which sample it was.
  static std::exception_ptr failure_of(const Sampler::Draw& draw) {
    try {
      throw;
    } catch (const DataError& error) {
      return std::make_exception_ptr(
          DataError(fmt::format("sample {} (visit {}) cannot be prepared",
                                draw.index, draw.visit),
                    error.what()));
    } catch (...) {
      return std::current_exception();
    }
  }

  const std::shared_ptr<const Dataset> dataset_;
  const LoaderOptions options_;
  const int64_t rows_;
  mutable std::mutex mutex_;
  std::condition_variable work_arrived_, slot_finished_, sample_ended_;
  std::deque<std::shared_ptr<Slot>> queue_;  ///< batches from position_ on
  int64_t position_ = 0;
  Sampler sampler_;
  bool stopping_ = false;
  bool given_up_ = false;
  std::deque<Worker> workers_;  ///< where they are they stay
};

Loader::Loader(std::shared_ptr<const Dataset> dataset,
               const LoaderOptions& options) {
  validate(options);
  TORCH_CHECK(dataset, "a loader needs a dataset");
  implementation_ =
      std::make_shared<Implementation>(std::move(dataset), options);
  try {
    Implementation::start(implementation_);
  } catch (...) {
    implementation_->stop();
    throw;
  }
}

Loader::~Loader() { implementation_->stop(); }

augment::Sample Loader::next() { return implementation_->next(); }

int64_t Loader::ready() const { return implementation_->ready(); }

bool Loader::next_is_ready() const { return implementation_->next_is_ready(); }

int64_t Loader::position() const { return implementation_->position(); }

std::vector<std::string> Loader::samples_of(int64_t batch) const {
  return implementation_->samples_of(batch);
}

void Loader::seek(int64_t batch) { implementation_->seek(batch); }

}  // namespace unimiss::data
