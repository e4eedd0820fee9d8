#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "unimiss/core/class_relation.h"
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

}  // namespace unimiss::augment

template <>
struct unimiss::EnumNames<unimiss::augment::TargetKind> {
  static constexpr std::array kNames{
      std::pair{unimiss::augment::TargetKind::kLabelMap, "label_map"},
      std::pair{unimiss::augment::TargetKind::kStructures, "structures"},
      std::pair{unimiss::augment::TargetKind::kClass, "class"},
      std::pair{unimiss::augment::TargetKind::kClasses, "classes"}};
};

namespace unimiss::augment {

/// A TargetKind by the two questions that tell the kinds apart: who acts on an
/// answer need not know which kinds there are.
class Target {
 public:
  // Whoever names a kind means its target.
  constexpr Target(TargetKind kind = TargetKind::kLabelMap) : kind_(kind) {}
  /// By its name in a configuration; nothing where none is called so.
  static std::optional<Target> of_name(std::string_view name) {
    for (const auto& [kind, known] : EnumNames<TargetKind>::kNames) {
      if (known == name) return kind;
    }
    return std::nullopt;
  }

  /// Something is told of each place, else of the case as a whole.
  constexpr bool is_segmentation() const {
    return augment::is_segmentation(kind_);
  }
  /// One class is told, else any number of them. The map of a segmentation then
  /// holds classes, else structures as bits.
  constexpr bool is_exclusive() const {
    return kind_ == TargetKind::kLabelMap || kind_ == TargetKind::kClass;
  }
  constexpr ClassRelation relation() const {
    return is_exclusive() ? ClassRelation::kExclusive
                          : ClassRelation::kOverlapping;
  }
  /// How many classes, from the first on, stand for nothing being there: the
  /// background of a label map.
  constexpr int64_t background_classes() const {
    return is_segmentation() && is_exclusive() ? 1 : 0;
  }

  constexpr TargetKind kind() const { return kind_; }
  std::string_view name() const { return enum_name(kind_); }
  friend constexpr bool operator==(Target, Target) = default;

 private:
  TargetKind kind_;
};

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
