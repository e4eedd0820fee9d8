#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "unimiss/core/axis.h"
#include "unimiss/core/fields.h"
#include "unimiss/core/random.h"

/// Where in its case a patch comes from: crop, rotation, scale, elastic
/// deformation, shift and mirroring as one map of coordinates, so that image
/// and labels are resampled once and alike (data/patch.h does it).
///
/// Coordinates are of voxels (D, H, W), whole at their centres. A patch with
/// D = 1 is 2D: it is turned, deformed and shifted in its plane alone.
namespace unimiss::augment {

/// The defaults are nnU-Net's (Isensee et al. 2021), but for three things:
/// - rotation and scale act in millimetres, so that what is turned keeps its
///   shape whatever the spacing (nnU-Net turns voxels, which shears);
/// - width is not mirrored, because that swaps left and right;
/// - deformations cannot fold.
struct SpatialTransformOptions {
  double rotation_probability = 0.2;
  std::array<double, 2> rotation_degrees{-30, 30};
  double scale_probability = 0.2;
  std::array<double, 2> scale{0.7, 1.4};
  double elastic_probability = 0;
  std::array<double, 2> elastic_spacing{16, 48};
  std::array<double, 2> elastic_magnitude{0.1, 0.4};
  double translation = 0;
  std::vector<Axis> mirror{Axis::kDepth, Axis::kHeight};
  double mirror_probability = 0.5;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("rotation_probability", self.rotation_probability,
          "probability of a rotation about the patch's centre, in mm");
    visit("rotation_degrees", self.rotation_degrees,
          "least and largest angle, in [-180, 180], drawn for each axis by "
          "itself; in 2D in plane");
    visit("scale_probability", self.scale_probability,
          "probability of a change of scale, the same for all axes");
    visit("scale", self.scale,
          "least and largest extent of what a patch shows relative to its own, "
          "in (0, 10]: below 1 magnifies");
    visit("elastic_probability", self.elastic_probability,
          "probability of an elastic deformation");
    visit("elastic_spacing", self.elastic_spacing,
          "least and largest distance of its control points in voxels of the "
          "finest axis, the same in mm along all; at least 4");
    visit("elastic_magnitude", self.elastic_magnitude,
          "least and largest reach of control points along each axis as a "
          "share of their distance, in [0, 0.4]: nothing folds");
    visit("translation", self.translation,
          "largest shift along each axis, either way, as a share of the "
          "patch's extent, in [0, 1]; for patches that hold whole cases");
    visit("mirror", self.mirror,
          "axes that may be mirrored; width swaps left and right");
    visit("mirror_probability", self.mirror_probability,
          "probability of mirroring, for each of them");
  }
  void check(Problems& problems) const;
};

/// A smooth displacement of a patch's voxels: the cubic B-spline of a coarse
/// grid of control points (Rueckert et al. 1999), each displaced uniformly
/// within its reach. No voxel moves further than that; most move much less, as
/// 64 control points have a part in each.
class ElasticField {
 public:
  ElasticField() = default;  ///< moves nothing
  /// For a patch of `size` voxels. `distance` of control points, at least 1,
  /// and their `reach` are in voxels, along D, H and W. An axis of one voxel
  /// has one control point.
  ElasticField(const std::array<int64_t, 3>& size,
               const std::array<double, 3>& distance,
               const std::array<double, 3>& reach, Random& random);

  bool empty() const { return points_.empty(); }
  /// The displacement of a voxel of the patch, in voxels.
  std::array<double, 3> at(const std::array<int64_t, 3>& voxel) const;
  /// Those of all voxels of a row, together at a fraction of the cost.
  std::vector<std::array<double, 3>> row(int64_t depth, int64_t height) const;

 private:
  /// Which control points a voxel is moved by, and how much.
  struct Taps {
    int64_t first;
    std::array<double, 4> weights;
  };
  std::array<std::vector<Taps>, 3> taps_;
  std::array<int64_t, 3> counts_{};      ///< of control points
  std::array<int64_t, 3> tap_counts_{};  ///< 4, or 1 of an axis of one voxel
  std::vector<std::array<double, 3>> points_;
};

/// case voxel = matrix (patch voxel + displacement of it) + offset
struct SpatialMap {
  std::array<std::array<double, 3>, 3> matrix{
      {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
  std::array<double, 3> offset{};
  ElasticField elastic;

  /// A crop whose first voxel is that of the case.
  static SpatialMap at_corner(const std::array<int64_t, 3>& corner);
  /// A crop about a point of the case, moved to whole voxels: at most half a
  /// voxel off.
  static SpatialMap at_center(const std::array<double, 3>& center,
                              const std::array<int64_t, 3>& size);

  /// Where in the case a voxel of the patch comes from.
  std::array<double, 3> at(const std::array<int64_t, 3>& voxel) const;
  /// Whether every voxel comes from a whole one, in rows that run along the
  /// case's, either way: nothing is to be interpolated.
  bool is_copy() const;
};

/// Draws the map of a patch about a point of a case (in its voxels), which is
/// moved to whole voxels first: where nothing but mirroring and a shift is
/// drawn, the patch is an exact copy. `spacing` is the case's, mm.
///
/// The rotation is R = R_D R_H R_W; a positive angle about D turns what is
/// displayed of a slice [H, W] clockwise. With the mirroring m = +-1, the scale
/// s, the spacings S = diag(spacing) and the patch's centre c, the matrix is
/// s S^-1 R S diag(m), and c comes from the point.
SpatialMap draw_spatial_map(const SpatialTransformOptions& options,
                            const std::array<int64_t, 3>& size,
                            const std::array<double, 3>& spacing,
                            const std::array<double, 3>& center,
                            Random& random);

}  // namespace unimiss::augment
