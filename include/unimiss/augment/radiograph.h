#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>

#include "unimiss/core/problems.h"
#include "unimiss/io/volume.h"

namespace unimiss::augment {

struct RadiographOptions {
  double voxel_mm = 2;        ///< the volume is brought to cubes of this edge
  double water_per_cm = 0.2;  ///< attenuation of water at about 60 keV
  double bone_hu = 150;       ///< denser voxels count as bone ...
  double bone_gain = 1.6;  ///< ... whose excess over bone_hu weighs this much
  std::array<double, 2> window{0.5, 99.8};  ///< percentiles shown black, white

  void check(Problems& problems) const;
};

/// Simulated X-rays of a CT volume: parallel beams that turn about the
/// patient's longitudinal axis.
///
/// A pixel is the line integral of the attenuation mu along its beam,
/// p = integral of mu dl (dimensionless), with mu = water_per_cm (1 + HU /
/// 1000)
/// >= 0 and a steeper slope in bone. Film darkens with the logarithm of the
/// intensity exp(-p), so p itself is the picture, bone bright.
/// Nothing is scattered, no noise is added, outside of the volume is air.
class Radiograph {
 public:
  /// Throws Error for a volume that is too large at voxel_mm.
  explicit Radiograph(const io::Volume& volume,
                      const RadiographOptions& options = {});

  /// p, [rows, columns] float32. Rows run from superior to inferior.
  ///
  /// `turn` and `tilt` in degrees: at 0, 0 the beam runs along H and the
  /// columns from the patient's right to the left (the usual frontal view); at
  /// 90 it runs along W. A tilt inclines the beam towards the longitudinal
  /// axis; within +-60. Pixels are voxel_mm wide and voxel_mm * cos(tilt) high.
  torch::Tensor path_integral(double turn, double tilt) const;

  /// path_integral as a picture, uint16 [size, size]: what the beams met,
  /// windowed between two percentiles and scaled to fit with square pixels,
  /// black around.
  torch::Tensor film(double turn, double tilt, int64_t size) const;

 private:
  RadiographOptions options_;
  torch::Tensor attenuation_;  ///< [H, W, D] mu per mm; depth contiguous
};

}  // namespace unimiss::augment
