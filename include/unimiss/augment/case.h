#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "unimiss/core/fields.h"

/// What fine-tuning learns from: cases, as files and as voxels.
namespace unimiss::augment {

/// What is to be told about a case.
enum class TargetKind {
  kLabelMap,    ///< segmentation: one class at each place, 0 the background
  kStructures,  ///< segmentation: structures that may overlap
  kClass,       ///< classification: one class
  kClasses,     ///< classification: any number of classes (multi-label)
};
constexpr bool is_segmentation(TargetKind kind) {
  return kind == TargetKind::kLabelMap || kind == TargetKind::kStructures;
}

/// The files and labels that belong together.
struct Case {
  std::string id;                   ///< unique in its data set
  std::vector<std::string> images;  ///< one a modality, all of one grid
  /// kLabelMap: one label map. kStructures: a mask for each structure.
  std::vector<std::string> masks;
  std::vector<int64_t> labels;  ///< kClass: one. kClasses: ascending
  /// Cases of one patient stay together; empty: this case's own.
  std::string patient;
};

/// Stored integers of one unit of a normalised intensity: values of up to 15.99
/// units are held to 1/2048.
inline constexpr double kIntensitySteps = 2048;

/// Structures of one case at most: each is a bit of an int16.
inline constexpr int64_t kMaxStructures = 15;

/// A case on the grid that a network is trained on, in the orientation of
/// io::Volume. An image is a volume of one slice (D = 1).
struct CaseVoxels {
  torch::Tensor image;  ///< int16 [C, D, H, W], kIntensitySteps a unit
  /// int16 [D, H, W]: the class of each place, or the structures there, one a
  /// bit; undefined in classification.
  torch::Tensor map;
  std::array<double, 3> spacing{1, 1, 1};  ///< mm, D, H, W; of images 1
};

}  // namespace unimiss::augment

template <>
struct unimiss::EnumNames<unimiss::augment::TargetKind> {
  static constexpr std::array kNames{
      std::pair{unimiss::augment::TargetKind::kLabelMap, "label_map"},
      std::pair{unimiss::augment::TargetKind::kStructures, "structures"},
      std::pair{unimiss::augment::TargetKind::kClass, "class"},
      std::pair{unimiss::augment::TargetKind::kClasses, "classes"}};
};
