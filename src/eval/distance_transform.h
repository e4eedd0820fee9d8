#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace unimiss::eval {

using Extents = std::array<int64_t, 3>;
using Spacing = std::array<double, 3>;

/// Replaces each value f(p) of a grid, row-major, by
///
///   min over the grid's voxels q of f(q) + |p - q|²
///
/// with distances in units of the spacing: the squared distance to the nearest
/// of the voxels where f is 0, if f is infinite elsewhere; infinite everywhere
/// if f is. Axis by axis, each line is the lower envelope of its parabolas
/// (Felzenszwalb, Huttenlocher: Distance transforms of sampled functions,
/// Theory of Computing 8, 2012), exact and linear in the number of voxels.
///
/// ITK's SignedMaurerDistanceMapImageFilter gives the same distances to 4e-14
/// of 200, in 2.6 times the time (120x240x240 voxels, one thread: 0.50 s, this
/// 0.19 s), and would be the only reason for ITK in this folder.
void transform_to_squared_distances(std::vector<double>& values,
                                    const Extents& extents,
                                    const Spacing& spacing);

}  // namespace unimiss::eval
