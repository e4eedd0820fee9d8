#include "unimiss/data/loader.h"

#include <fmt/format.h>

#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <numeric>
#include <opencv2/core/utility.hpp>
#include <thread>
#include <vector>

#include "unimiss/core/fields.h"

namespace unimiss::data {
namespace {

torch::Tensor batch_like(const torch::Tensor& sample, int64_t rows) {
  auto sizes = sample.sizes().vec();
  sizes.insert(sizes.begin(), rows);
  return torch::empty(sizes, sample.options());
}

void copy_row(const torch::Tensor& sample, torch::Tensor& batch, int64_t row) {
  TORCH_CHECK(
      sample.is_contiguous() && sample.sizes() == batch.sizes().slice(1),
      "the samples of a dataset must have one shape");
  std::memcpy(static_cast<char*>(batch.data_ptr()) + row * sample.nbytes(),
              sample.data_ptr(), sample.nbytes());
}

}  // namespace

void LoaderOptions::validate() const {
  require(batch_size >= 1, "batch_size", "must be at least 1");
  require(workers >= 0, "workers", "must not be negative");
  require(queue_batches >= 1, "queue_batches", "must be at least 1");
  require(world >= 1 && rank >= 0 && rank < world, "rank",
          "must lie in [0, world)");
  require(batch_size % world == 0, "batch_size",
          fmt::format("{} samples cannot be split among {} processes; choose a "
                      "multiple",
                      batch_size, world));
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

  struct StreamPosition {
    int64_t epoch;
    int64_t index;
  };

 public:
  Implementation(std::shared_ptr<const Dataset> dataset,
                 const LoaderOptions& options)
      : dataset_(std::move(dataset)),
        options_(options),
        rows_(options.batch_size / options.world) {
    // OpenCV's own threads would only get in the way of the workers.
    cv::setNumThreads(1);
    for (int64_t i = 0; i < options.workers; ++i) {
      threads_.emplace_back([this] { work(); });
    }
  }

  ~Implementation() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_arrived_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

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
    extend_queue();
    return slot->views;
  }

  int64_t position() const {
    const std::lock_guard lock(mutex_);
    return position_;
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

  /// Prepares one row with the lock released, and holds it again at the end.
  void fill_row(Slot& slot, int64_t row, std::unique_lock<std::mutex>& lock) {
    try {
      const StreamPosition at = locate(slot.batch, row);
      lock.unlock();
      Random random({options_.seed, static_cast<uint64_t>(at.epoch),
                     static_cast<uint64_t>(at.index)});
      const Views sample = dataset_->sample(at.index, random);
      lock.lock();
      if (!slot.views.first.defined()) {
        slot.views = {batch_like(sample.first, rows_),
                      batch_like(sample.second, rows_)};
      }
      Views views = slot.views;
      lock.unlock();
      copy_row(sample.first, views.first, row);
      copy_row(sample.second, views.second, row);
      lock.lock();
    } catch (...) {
      if (!lock.owns_lock()) lock.lock();
      if (!slot.failure) slot.failure = std::current_exception();
    }
    ++slot.done;
    if (slot.done == rows_ || slot.failure) slot_finished_.notify_all();
  }

  /// Which sample stands in this row of a batch; the lock is held.
  StreamPosition locate(int64_t batch, int64_t row) {
    const int64_t place =
        batch * options_.batch_size + options_.rank * rows_ + row;
    const int64_t epoch = place / dataset_->size();
    return {epoch, order_of(epoch)[place % dataset_->size()]};
  }

  const std::vector<int64_t>& order_of(int64_t epoch) {
    if (const auto found = orders_.find(epoch); found != orders_.end()) {
      return found->second;
    }
    // Batches ahead reach into later epochs only; earlier ones are done with.
    while (!orders_.empty() &&
           orders_.begin()->first <
               position_ * options_.batch_size / dataset_->size()) {
      orders_.erase(orders_.begin());
    }
    auto& order = orders_[epoch];
    order.resize(dataset_->size());
    std::iota(order.begin(), order.end(), 0);
    Random random({options_.seed, static_cast<uint64_t>(epoch)});
    for (int64_t i = dataset_->size() - 1; i > 0; --i) {
      std::swap(order[i], order[random.integer(i + 1)]);
    }
    return order;
  }

  const std::shared_ptr<const Dataset> dataset_;
  const LoaderOptions options_;
  const int64_t rows_;
  mutable std::mutex mutex_;
  std::condition_variable work_arrived_, slot_finished_;
  std::deque<std::shared_ptr<Slot>> queue_;  ///< batches from position_ on
  int64_t position_ = 0;
  std::map<int64_t, std::vector<int64_t>> orders_;  ///< by epoch
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

Loader::Loader(std::shared_ptr<const Dataset> dataset,
               const LoaderOptions& options) {
  options.validate();
  TORCH_CHECK(dataset, "a loader needs a dataset");
  require(dataset->size() >= 1, "files", "the dataset is empty");
  implementation_ =
      std::make_unique<Implementation>(std::move(dataset), options);
}

Loader::~Loader() = default;

Views Loader::next() { return implementation_->next(); }

int64_t Loader::position() const { return implementation_->position(); }

void Loader::seek(int64_t batch) { implementation_->seek(batch); }

}  // namespace unimiss::data
