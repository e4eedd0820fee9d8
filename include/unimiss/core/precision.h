#pragma once

#include <torch/types.h>

#include <array>
#include <utility>

#include "unimiss/core/fields.h"

namespace unimiss {

/// The arithmetic of forward and backward. Weights, optimizer and losses are
/// fp32 in all of them.
enum class Precision { kFp32, kBf16, kFp16 };

/// Autocast for the lifetime of the object; nothing for kFp32.
class AutocastGuard {
 public:
  AutocastGuard(torch::DeviceType device, Precision precision);
  ~AutocastGuard();
  AutocastGuard(const AutocastGuard&) = delete;
  AutocastGuard& operator=(const AutocastGuard&) = delete;

 private:
  torch::DeviceType device_;
  bool active_;
  bool was_enabled_ = false;
  c10::ScalarType previous_type_ = torch::kFloat;
};

}  // namespace unimiss

template <>
struct unimiss::EnumNames<unimiss::Precision> {
  static constexpr std::array kNames{
      std::pair{unimiss::Precision::kFp32, "fp32"},
      std::pair{unimiss::Precision::kBf16, "bf16"},
      std::pair{unimiss::Precision::kFp16, "fp16"}};
};
