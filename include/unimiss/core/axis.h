#pragma once

#include <array>
#include <utility>

#include "unimiss/core/fields.h"

namespace unimiss {

/// An axis of a patch; images have no depth.
enum class Axis { kDepth, kHeight, kWidth };

}  // namespace unimiss

template <>
struct unimiss::EnumNames<unimiss::Axis> {
  static constexpr std::array kNames{
      std::pair{unimiss::Axis::kDepth, "depth"},
      std::pair{unimiss::Axis::kHeight, "height"},
      std::pair{unimiss::Axis::kWidth, "width"}};
};
