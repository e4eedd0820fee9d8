#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "unimiss/augment/case.h"
#include "unimiss/augment/patch.h"
#include "unimiss/augment/patch_intensity.h"
#include "unimiss/augment/spatial_transform.h"
#include "unimiss/data/dataset.h"

namespace unimiss::data {

/// How samples are cut from cases.
struct PatchSampling {
  augment::Target target;
  int64_t classes = 2;                   ///< or structures
  std::array<int64_t, 3> size{1, 0, 0};  ///< of a patch, (D,) H, W
  int rank = 3;                          ///< 2: D is 1 and left out
  /// Share of a segmentation's patches that are centred, as far as the case
  /// reaches, on a place of a class drawn among those of the case (an elastic
  /// deformation moves it then); the others lie anywhere in it. nnU-Net forces
  /// a share of each batch.
  double foreground = 0;
  augment::LabelInterpolation labels = augment::LabelInterpolation::kNearest;
  augment::SpatialTransformOptions spatial;
  augment::IntensityTransformOptions intensity;
};

/// The lowest intensity of each channel [C], in units: what lies outside of a
/// case.
std::vector<float> padding_of(const augment::CaseVoxels& voxels);

/// Augmented patches of labelled cases, one per case and visit: of a sample,
/// the one image is the patch, float32 [C, (D,) H, W] in units.
///
/// A sample is a function of the case and the random stream alone. Cases that
/// are smaller than a patch lie in its middle, in padding_of() and background.
/// What fails is a DataError naming stage and first image.
class LabeledDataset : public Dataset {
 public:
  /// The voxels of a case, by its number; called by several threads at once.
  using Voxels = std::function<augment::CaseVoxels(int64_t)>;

  LabeledDataset(std::vector<augment::Case> cases, Voxels voxels,
                 const PatchSampling& sampling);

  int64_t size() const override { return static_cast<int64_t>(cases_.size()); }
  augment::Sample sample(int64_t index, Random& random) const override;
  std::string source(int64_t index) const override;

 private:
  /// What is learnt of a case when it is first used.
  struct Facts {
    std::once_flag once;
    std::vector<float> padding;
    /// Of each class that is there, up to a thousand places, z, y, x.
    std::vector<std::vector<std::array<int32_t, 3>>> places;
  };
  const Facts& facts_of(int64_t index, const augment::CaseVoxels& voxels) const;
  std::array<double, 3> draw_center(const augment::CaseVoxels& voxels,
                                    const Facts& facts, Random& random) const;
  torch::Tensor target_of(int64_t index, const augment::Patch& patch) const;

  std::vector<augment::Case> cases_;
  Voxels voxels_;
  PatchSampling sampling_;
  std::vector<std::unique_ptr<Facts>> facts_;
};

}  // namespace unimiss::data
