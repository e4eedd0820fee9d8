#include "unimiss/data/loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <opencv2/core/utility.hpp>
#include <thread>
#include <vector>

#include "unimiss/core/error.h"
#include "unimiss/core/fields.h"

namespace unimiss::data {
namespace {

torch::Tensor batch_like(const torch::Tensor& sample, int64_t rows,
                         bool pinned) {
  auto sizes = sample.sizes().vec();
  sizes.insert(sizes.begin(), rows);
  return torch::empty(sizes, sample.options().pinned_memory(pinned));
}

std::vector<SampleSource> sources_of(const Dataset& dataset,
                                     const LoaderOptions& options) {
  if (options.sources.empty()) return {{dataset.size(), 0}};
  int64_t samples = 0;
  for (const SampleSource& source : options.sources) samples += source.samples;
  TORCH_CHECK(samples == dataset.size(), "the sources hold ", samples,
              " samples, the dataset ", dataset.size());
  return options.sources;
}

void copy_row(const torch::Tensor& sample, torch::Tensor& batch, int64_t row) {
  TORCH_CHECK(
      sample.is_contiguous() && sample.sizes() == batch.sizes().slice(1),
      "the samples of a dataset must have one shape");
  std::memcpy(static_cast<char*>(batch.data_ptr()) + row * sample.nbytes(),
              sample.data_ptr(), sample.nbytes());
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
}

class Loader::Implementation {
  /// A batch being assembled; workers fill its rows in place.
  struct Slot {
    int64_t batch = 0;
    int64_t claimed = 0;  ///< rows that a worker has taken on
    int64_t done = 0;     ///< rows that are filled
    Views views;          ///< allocated by the first row
    std::exception_ptr failure;
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
    try {
      for (int64_t i = 0; i < options.workers; ++i) {
        threads_.emplace_back([this] { work(); });
      }
    } catch (...) {
      stop();
      throw;
    }
  }

  ~Implementation() { stop(); }

  Views next() {
    std::unique_lock lock(mutex_);
    extend_queue();
    const auto slot = queue_.front();
    if (threads_.empty()) {
      while (slot->claimed < rows_ && !slot->failure) {
        fill_row(*slot, slot->claimed++, lock);
      }
    } else {
      slot_finished_.wait(lock,
                          [&] { return slot->done == rows_ || slot->failure; });
    }
    if (slot->failure) std::rethrow_exception(slot->failure);
    queue_.pop_front();
    ++position_;
    sampler_.forget_before(position_ * options_.batch_size);
    extend_queue();
    return slot->views;
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
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_arrived_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  /// Queues the batches from position_ on; the lock is held.
  void extend_queue() {
    const int64_t ahead = threads_.empty() ? 1 : options_.queue_batches;
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

  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      std::shared_ptr<Slot> slot;
      work_arrived_.wait(lock, [&] {
        return stopping_ || (slot = slot_with_work()) != nullptr;
      });
      if (stopping_) return;
      fill_row(*slot, slot->claimed++, lock);
    }
  }

  /// In the endless stream of draws.
  int64_t place_of(int64_t batch, int64_t row) const {
    return batch * options_.batch_size + options_.rank * rows_ + row;
  }

  /// Prepares one row with the lock released, and holds it again at the end.
  void fill_row(Slot& slot, int64_t row, std::unique_lock<std::mutex>& lock) {
    Sampler::Draw draw;
    try {
      draw = sampler_.at(place_of(slot.batch, row));
      lock.unlock();
      Random random({options_.seed, static_cast<uint64_t>(draw.visit),
                     static_cast<uint64_t>(draw.index)});
      const Views sample = dataset_->sample(draw.index, random);
      lock.lock();
      if (!slot.views.first.defined()) {
        slot.views = {batch_like(sample.first, rows_, options_.pin_memory),
                      batch_like(sample.second, rows_, options_.pin_memory)};
      }
      Views views = slot.views;
      lock.unlock();
      copy_row(sample.first, views.first, row);
      copy_row(sample.second, views.second, row);
      lock.lock();
    } catch (...) {
      if (!lock.owns_lock()) lock.lock();
      if (!slot.failure) slot.failure = failure_of(draw);
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
  std::condition_variable work_arrived_, slot_finished_;
  std::deque<std::shared_ptr<Slot>> queue_;  ///< batches from position_ on
  int64_t position_ = 0;
  Sampler sampler_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

Loader::Loader(std::shared_ptr<const Dataset> dataset,
               const LoaderOptions& options) {
  validate(options);
  TORCH_CHECK(dataset, "a loader needs a dataset");
  implementation_ =
      std::make_unique<Implementation>(std::move(dataset), options);
}

Loader::~Loader() = default;

Views Loader::next() { return implementation_->next(); }

int64_t Loader::ready() const { return implementation_->ready(); }

int64_t Loader::position() const { return implementation_->position(); }

std::vector<std::string> Loader::samples_of(int64_t batch) const {
  return implementation_->samples_of(batch);
}

void Loader::seek(int64_t batch) { implementation_->seek(batch); }

}  // namespace unimiss::data
