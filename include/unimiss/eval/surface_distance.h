#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "unimiss/core/class_relation.h"

/// How far the surfaces of a prediction and a reference are apart, in mm.
///
/// A surface is the voxels of a mask that have a voxel outside of it among
/// their neighbors along the axes, 4 in an image and 6 in a volume; outside of
/// the grid nothing belongs to a mask. The distance of a surface voxel is the
/// Euclidean one of its center to that of the nearest voxel of the other
/// surface. These are the conventions of MONAI's metrics (use_subvoxels=False),
/// whose values the functions below give.
///
/// Where neither has a surface nothing can be said and a metric is empty
/// (MONAI: NaN); where one of them has none every distance is infinite, as is
/// each metric, and the surface Dice is 0 (MONAI: the same, but NaN for the
/// 95th percentile).
namespace unimiss::eval {

/// Surface distances in mm, the surface's voxels in row-major order. Empty
/// where its mask is; all infinite where only the other's mask is empty.
struct SurfaceDistances {
  std::vector<double> from_prediction;  ///< of the prediction's surface voxels
  std::vector<double> from_reference;   ///< of the reference's surface voxels
};

/// The distances between two masks.
///
/// - prediction, reference: bool [(D,) H, W] on the CPU.
/// - spacing: of the voxels in mm along (D,) H, W; positive and finite.
///
/// Exact, by lower envelopes of parabolas (Felzenszwalb, Huttenlocher 2012)
/// within the bounding box of both masks: O(voxels of the box), and 10 bytes of
/// memory for each of them, on the thread of the caller. A volume of one slice
/// is all surface, which the same slice as an image is not. Throws DataError
/// where the sizes differ.
SurfaceDistances surface_distances(const torch::Tensor& prediction,
                                   const torch::Tensor& reference,
                                   const std::vector<double>& spacing);

/// Those of each class but the background: item i is that of class i + 1. Takes
/// and refuses what class_overlap() does; spacing as above.
std::vector<SurfaceDistances> class_surface_distances(
    const torch::Tensor& prediction, const torch::Tensor& reference,
    int64_t classes, const std::vector<double>& spacing);

/// Those of each structure: item i is that of bit i. Takes and refuses what
/// structure_overlap() does; spacing as above.
std::vector<SurfaceDistances> structure_surface_distances(
    const torch::Tensor& prediction, const torch::Tensor& reference,
    int64_t structures, const std::vector<double>& spacing);

/// Those of maps of exclusive classes, or of bits.
std::vector<SurfaceDistances> map_surface_distances(
    const torch::Tensor& prediction, const torch::Tensor& reference,
    int64_t classes, ClassRelation relation,
    const std::vector<double>& spacing);

/// The Hausdorff distance in mm: the largest of all distances (Huttenlocher et
/// al. 1993).
std::optional<double> hausdorff_distance(const SurfaceDistances& distances);

/// Its robust form in mm: the larger of the 95th percentiles of the two
/// directions, interpolated linearly between order statistics. (Others take one
/// percentile of both directions together, which is smaller.)
std::optional<double> hausdorff_distance_95(const SurfaceDistances& distances);

/// The average symmetric surface distance in mm: the mean of the distances of
/// both directions together (Heimann et al. 2009), so that the larger surface
/// counts more.
std::optional<double> average_surface_distance(
    const SurfaceDistances& distances);

/// The normalised surface Dice in [0, 1]: the share of both surfaces' voxels
/// whose distance is at most the tolerance in mm, >= 0 (Nikolov et al. 2021).
/// Compared in single precision, as MONAI does: a distance of three voxels of
/// 0.7 mm is within 2.1 mm, whatever the rounding.
std::optional<double> surface_dice(const SurfaceDistances& distances,
                                   double tolerance);

}  // namespace unimiss::eval
