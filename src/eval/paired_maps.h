#pragma once

#include <torch/types.h>

#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include "unimiss/core/error.h"

namespace unimiss::eval {

/// The extents of a voxel in mm, of 2 or 3 axes.
inline void require_spacing(const std::vector<double>& spacing) {
  TORCH_CHECK(spacing.size() == 2 || spacing.size() == 3, "spacing of ",
              spacing.size(), " axes");
  for (const double mm : spacing) {
    TORCH_CHECK(std::isfinite(mm) && mm > 0, "spacing of ", mm, " mm");
  }
}

/// Throws DataError where the two are not of one size.
inline void require_one_size(const torch::Tensor& prediction,
                             const torch::Tensor& reference) {
  if (prediction.sizes() == reference.sizes()) return;
  std::ostringstream text;
  text << "reference: is of size " << reference.sizes()
       << ", the prediction of size " << prediction.sizes()
       << " (they are compared voxel by voxel); bring both to one grid";
  throw DataError(text.str());
}

/// Calls use(prediction, reference, first, last) for each run of voxels [first,
/// last) of two int16 maps that have the same pair of values: maps are smooth,
/// so runs are long and what is done for each costs little. Throws DataError
/// where the maps are not of one size.
template <class Use>
void for_each_run(const torch::Tensor& prediction,
                  const torch::Tensor& reference, const Use& use) {
  TORCH_CHECK(prediction.scalar_type() == torch::kShort &&
                  reference.scalar_type() == torch::kShort &&
                  prediction.is_cpu() && reference.is_cpu(),
              "expected int16 maps on the CPU, got ", prediction.toString(),
              " and ", reference.toString());
  require_one_size(prediction, reference);
  const torch::Tensor predicted = prediction.contiguous();
  const torch::Tensor expected = reference.contiguous();
  const auto* p = predicted.const_data_ptr<int16_t>();
  const auto* r = expected.const_data_ptr<int16_t>();
  const int64_t voxels = predicted.numel();
  for (int64_t first = 0, last = 0; first < voxels; first = last) {
    while (last < voxels && p[last] == p[first] && r[last] == r[first]) ++last;
    use(p[first], r[first], first, last);
  }
}

/// What a map may hold is [0, end), or DataError.
inline void require_known(const char* map, int16_t value, int64_t end,
                          const char* meaning) {
  if (value >= 0 && value < end) return;
  throw DataError(std::string(map) + ": has the value " +
                  std::to_string(value) + " (" + meaning + " are 0 to " +
                  std::to_string(end - 1) +
                  "); correct the map or the list of classes");
}

}  // namespace unimiss::eval
