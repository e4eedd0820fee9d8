#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "unimiss/core/class_relation.h"

namespace unimiss::eval {

/// How many voxels of a class a prediction and a reference share.
struct OverlapCounts {
  int64_t true_positive = 0;   ///< in both
  int64_t false_positive = 0;  ///< in the prediction only
  int64_t false_negative = 0;  ///< in the reference only
  int64_t true_negative = 0;   ///< in neither

  int64_t n_pred() const { return true_positive + false_positive; }
  int64_t n_ref() const { return true_positive + false_negative; }
  bool operator==(const OverlapCounts&) const = default;
};

/// 2 TP / (2 TP + FP + FN). Empty where neither prediction nor reference has
/// the class, as nothing can be said then (nnU-Net's rule: NaN, left out of
/// means); 0 where only one of them has it. optional_mean() skips the empty.
std::optional<double> dice(const OverlapCounts& counts);
/// TP / (TP + FP + FN), the Jaccard index; empty by the same rule.
std::optional<double> iou(const OverlapCounts& counts);

/// How large a class is, in mm³, in an image in mm²: a thousandth is ml.
struct ClassVolumes {
  double prediction = 0;
  double reference = 0;

  /// Prediction - reference, so that too much is positive.
  double difference() const { return prediction - reference; }
  /// The difference as a share of the reference; infinite where only the
  /// prediction has the class, empty where neither has. (Its magnitude is the
  /// absolute relative volume difference of challenges, Heimann et al. 2009.)
  std::optional<double> relative_difference() const;
};

/// spacing: of the voxels in mm, of 2 or 3 axes; positive and finite.
ClassVolumes class_volumes(const OverlapCounts& counts,
                           const std::vector<double>& spacing);

/// The overlap of each class but the background: item i is that of class i + 1.
///
/// prediction, reference: int16 maps of one size, of classes in [0, classes).
/// Throws DataError where the sizes differ or a map has another class.
std::vector<OverlapCounts> class_overlap(const torch::Tensor& prediction,
                                         const torch::Tensor& reference,
                                         int64_t classes);

/// The overlap of each structure: item i is that of bit i, structures <= 15.
///
/// prediction, reference: int16 bitmasks of one size, of structures that may
/// overlap. Throws DataError where the sizes differ or a map has another bit.
std::vector<OverlapCounts> structure_overlap(const torch::Tensor& prediction,
                                             const torch::Tensor& reference,
                                             int64_t structures);

/// That of maps of exclusive classes, or of bits.
std::vector<OverlapCounts> map_overlap(const torch::Tensor& prediction,
                                       const torch::Tensor& reference,
                                       int64_t classes, ClassRelation relation);

}  // namespace unimiss::eval
