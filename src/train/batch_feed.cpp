#include "unimiss/train/batch_feed.h"

#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <string>
#include <utility>

namespace unimiss::train {

int64_t BatchFeed::position(const data::Loader& loader) const {
  return loader.position() - (ahead_ && ahead_->loader == &loader ? 1 : 0);
}

int64_t BatchFeed::ready(const data::Loader& loader) const {
  return loader.ready() + (ahead_ && ahead_->loader == &loader ? 1 : 0);
}

augment::Sample BatchFeed::next(data::Loader& loader, torch::Device device) {
  if (!ahead_) return augment::to_device(loader.next(), device);
  TORCH_CHECK(ahead_->loader == &loader,
              "another batch was begun with than is asked for");
  Ahead ahead = *std::exchange(ahead_, std::nullopt);
  if (ahead.copied) {
    const c10::impl::VirtualGuardImpl gpu(device.type());
    const c10::Stream stream = gpu.getStream(device);
    ahead.copied->block(stream);
    // Their memory must not be used again before this stream is done with it.
    augment::for_each_tensor(
        ahead.copy, [&](const std::string&, const torch::Tensor& tensor) {
          tensor.record_stream(stream);
        });
  }
  return std::move(ahead.copy);
}

void BatchFeed::prefetch(data::Loader& loader, torch::Device device) {
  if (ahead_ || !loader.next_is_ready()) return;
  Ahead ahead{&loader, loader.next(), {}, std::nullopt};
  if (device.is_cpu()) {
    ahead.copy = ahead.host;
  } else {
    const c10::impl::VirtualGuardImpl gpu(device.type());
    if (!beside_) {
      beside_ = gpu.getStreamFromGlobalPool(device, /*isHighPriority=*/false);
    }
    const c10::StreamGuard guard(*beside_);
    ahead.copy = augment::to_device(ahead.host, device);
    ahead.copied.emplace(device.type());
    ahead.copied->record(*beside_);
  }
  ahead_ = std::move(ahead);
}

}  // namespace unimiss::train
