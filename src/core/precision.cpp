#include "unimiss/core/precision.h"

#include <ATen/autocast_mode.h>

namespace unimiss {

AutocastGuard::AutocastGuard(torch::DeviceType device, Precision precision)
    : device_(device), active_(precision != Precision::kFp32) {
  if (!active_) return;
  was_enabled_ = at::autocast::is_autocast_enabled(device_);
  previous_type_ = at::autocast::get_autocast_dtype(device_);
  at::autocast::set_autocast_enabled(device_, true);
  at::autocast::set_autocast_dtype(
      device_, precision == Precision::kBf16 ? torch::kBFloat16 : torch::kHalf);
  at::autocast::set_autocast_cache_enabled(true);
}

AutocastGuard::~AutocastGuard() {
  if (!active_) return;
  at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_, was_enabled_);
  at::autocast::set_autocast_dtype(device_, previous_type_);
}

}  // namespace unimiss
