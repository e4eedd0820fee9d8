#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <future>
#include <list>
#include <mutex>
#include <unordered_map>

namespace unimiss::data {

/// Decoded files by number, bounded by their bytes; least recently used out.
///
/// Thread-safe. A file that several threads want is loaded by one of them while
/// the others wait; when loading throws, all of them get the exception and the
/// next call tries again.
class FileCache {
 public:
  using Load = std::function<torch::Tensor(int64_t file)>;

  FileCache(double gib, Load load)
      : capacity_(gib * 1024 * 1024 * 1024), load_(std::move(load)) {}

  /// The tensor is shared: read it only.
  torch::Tensor get(int64_t file) {
    std::unique_lock lock(mutex_);
    if (const auto found = entries_.find(file); found != entries_.end()) {
      order_.splice(order_.begin(), order_, found->second.place);
      auto decoded = found->second.decoded;
      lock.unlock();
      return decoded.get();
    }
    std::promise<torch::Tensor> promise;
    order_.push_front(file);
    entries_[file] = {promise.get_future().share(), order_.begin(), 0};
    lock.unlock();
    try {
      const torch::Tensor decoded = load_(file);
      lock.lock();
      settle(file, static_cast<double>(decoded.nbytes()));
      lock.unlock();
      promise.set_value(decoded);
      return decoded;
    } catch (...) {
      if (!lock.owns_lock()) lock.lock();
      order_.erase(entries_.at(file).place);
      entries_.erase(file);
      promise.set_exception(std::current_exception());
      throw;
    }
  }

 private:
  struct Entry {
    std::shared_future<torch::Tensor> decoded;
    std::list<int64_t>::iterator place;
    double bytes = 0;  ///< 0 while it is being loaded
  };

  void settle(int64_t file, double bytes) {
    entries_.at(file).bytes = bytes;
    held_ += bytes;
    for (auto last = order_.end(); held_ > capacity_;) {
      if (last == order_.begin()) return;
      const auto entry = entries_.find(*--last);
      if (entry->first == file || entry->second.bytes == 0) continue;
      held_ -= entry->second.bytes;
      entries_.erase(entry);
      last = order_.erase(last);
    }
  }

  const double capacity_;
  const Load load_;
  std::mutex mutex_;
  double held_ = 0;
  std::list<int64_t> order_;  ///< most recently used first
  std::unordered_map<int64_t, Entry> entries_;
};

}  // namespace unimiss::data
