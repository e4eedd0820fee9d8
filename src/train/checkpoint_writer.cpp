#include "train/checkpoint_writer.h"

#include <fmt/format.h>

#include <utility>

#include "unimiss/core/log.h"
#include "unimiss/core/stopwatch.h"

namespace unimiss::train {

CheckpointWriter::CheckpointWriter(CheckpointFolder folder)
    : folder_(std::move(folder)), thread_([this] { work(); }) {}

CheckpointWriter::~CheckpointWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void CheckpointWriter::wait_until_idle(std::unique_lock<std::mutex>& lock) {
  changed_.wait(lock, [&] { return !busy_; });
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void CheckpointWriter::submit(const Checkpoint& checkpoint) {
  std::unique_lock lock(mutex_);
  wait_until_idle(lock);
  torch::NoGradGuard no_grad;
  held_.step = checkpoint.step;
  held_.counters = checkpoint.counters;
  held_.texts = checkpoint.texts;
  std::erase_if(held_.tensors, [&](const auto& item) {
    return !checkpoint.tensors.contains(item.first);
  });
  for (const auto& [name, tensor] : checkpoint.tensors) {
    torch::Tensor& copy = held_.tensors[name];
    if (!copy.defined() || copy.sizes() != tensor.sizes() ||
        copy.scalar_type() != tensor.scalar_type()) {
      copy = torch::empty(
          tensor.sizes(),
          tensor.options().device(torch::kCPU).requires_grad(false));
    }
    copy.copy_(tensor);
  }
  busy_ = true;
  lock.unlock();
  changed_.notify_all();
}

void CheckpointWriter::finish() {
  std::unique_lock lock(mutex_);
  wait_until_idle(lock);
}

void CheckpointWriter::check() {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

double CheckpointWriter::seconds() const {
  const std::lock_guard lock(mutex_);
  return seconds_;
}

void CheckpointWriter::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return busy_ || stopping_; });
    if (!busy_) return;
    lock.unlock();
    std::exception_ptr failure;
    const Stopwatch stopwatch;
    try {
      folder_.save(held_);
      log_info(fmt::format("step {} is saved, in {:.1f} s beside the training",
                           held_.step, stopwatch.seconds()));
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    failure_ = failure;
    seconds_ = stopwatch.seconds();
    busy_ = false;
    changed_.notify_all();
  }
}

}  // namespace unimiss::train
