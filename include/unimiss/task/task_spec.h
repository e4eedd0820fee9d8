#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "unimiss/augment/case.h"
#include "unimiss/augment/patch.h"
#include "unimiss/core/axis.h"
#include "unimiss/core/fields.h"
#include "unimiss/core/precision.h"
#include "unimiss/data/case_cache.h"
#include "unimiss/data/normalization.h"
#include "unimiss/eval/sliding_window.h"
#include "unimiss/model/classification_network.h"
#include "unimiss/model/mit_options.h"

/// Tasks: what networks are to tell about cases.
namespace unimiss::task {

/// What is to be told: a configuration's group `task`.
struct TaskOptions {
  augment::TargetKind target = augment::TargetKind::kLabelMap;
  std::vector<std::string> classes;
  std::vector<int64_t> label_values;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("target", self.target,
          "segmentation: label_map (each place has one class) or structures "
          "(which may overlap); classification: class (one a case) or classes "
          "(any number)");
    visit("classes", self.classes,
          "their names, of a label_map the background first; empty: those of "
          "data.dataset");
    visit("label_values", self.label_values,
          "what each class of a label_map is in the files, e.g. [0, 255]; "
          "empty: 0, 1, 2, ...");
  }
  void check(Problems& problems) const;
};

/// From the files of a case to what a network sees: a part of the group `data`.
struct CaseOptions {
  int64_t modalities = 1;
  std::optional<std::array<double, 3>> spacing;
  std::vector<int64_t> size;
  augment::LabelInterpolation label_interpolation =
      augment::LabelInterpolation::kNearest;
  data::NormalizationOptions normalization;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("modalities", self.modalities,
          "files of a case that become channels, at least 1");
    visit("spacing", self.spacing,
          "mm (D, H, W) that volumes are resampled to; null keeps the file's");
    visit(
        "size", self.size,
        "extents that whole cases are resized to instead, ([D,] H, W); empty: "
        "they are not");
    visit("label_interpolation", self.label_interpolation,
          "how label maps are resampled: nearest, or each class's indicator "
          "linearly and the largest wins");
    visit("normalization", self.normalization, "how intensities are normalised",
          was("intensity"));
  }
  void check(Problems& problems) const;
};

struct ClassifierOptions {
  model::ClassificationRule rule = model::ClassificationRule::kTwoBranch;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("rule", self.rule,
          "what a classification reads: the class token (paper), or its mean "
          "with the patches (official code)");
  }
  void check(Problems& /*problems*/) const {}
};

/// The backbone of a task by default; a task has one kind of input.
inline model::MitOptions volumes_only() {
  model::MitOptions model;
  model.dimensions = model::Dimensions::k3d;
  return model;
}

/// All that a network's inputs, outputs and predictions follow from, whatever
/// it was trained on and how. Plain values, that may all be changed before a
/// network is made from them (make_task()).
struct TaskSpec {
  augment::Target target;
  /// Their names, of a label map the background first.
  std::vector<std::string> classes;
  /// What each class of a label map is in the files; empty: 0, 1, 2, ...
  std::vector<int64_t> label_values;
  CaseOptions cases;
  model::MitOptions model = volumes_only();
  ClassifierOptions classifier;  ///< of a classification
  eval::SlidingWindowOptions inference;
  /// The axes that training mirrored, which inference may mirror too.
  std::vector<Axis> mirrored;
  Precision precision = Precision::kFp32;

  /// 3: volumes, 2: images.
  int rank() const {
    return model.dimensions == model::Dimensions::k2d ? 2 : 3;
  }
  /// What the network is given at once, D, H, W; of images D = 1.
  std::array<int64_t, 3> patch() const;
  /// Classes or structures.
  int64_t outputs() const { return static_cast<int64_t>(classes.size()); }
  /// How the files of a case are read.
  data::CaseDecodeOptions decode_options() const;

  /// The classes of a segmentation that are drawn and measured: all but the
  /// background. Of a classification none.
  std::vector<std::string> foreground() const;
  /// Where a class or structure is in an int16 map [...], bool [...].
  torch::Tensor mask_of(int64_t index, const torch::Tensor& map) const;
  /// Of all of foreground().
  std::vector<torch::Tensor> foreground_masks(const torch::Tensor& map) const;
};

/// The spec that follows from a configuration with the groups of a fine-tuning,
/// in full or as a run has stored them, and the names of its classes.
template <class Config>
TaskSpec spec_of(const Config& config,
                 const std::vector<std::string>& classes) {
  TaskSpec spec;
  spec.target = config.task.target;
  spec.classes = classes;
  spec.label_values = config.task.label_values;
  spec.cases = config.data;
  spec.model = config.model;
  spec.classifier = config.classifier;
  spec.inference = config.inference;
  spec.mirrored = config.augmentation.spatial.mirror;
  spec.precision = config.run.precision;
  return spec;
}

}  // namespace unimiss::task
