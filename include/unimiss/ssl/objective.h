#pragma once

#include <torch/types.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "unimiss/core/fields.h"
#include "unimiss/core/process_mean.h"
#include "unimiss/ssl/center.h"
#include "unimiss/ssl/dino_loss.h"
#include "unimiss/ssl/student_teacher.h"
#include "unimiss/ssl/volume_slice.h"

namespace unimiss::ssl {

/// Whether a volume has to agree with its slices (paper Table 5).
enum class VolumeSlice { kOn, kOff };

/// The rules of the self-supervised objective (paper Sec. 3.2, Eq. 3-6).
struct ObjectiveOptions {
  double student_temperature = 0.1;
  double teacher_temperature = 0.04;
  double center_momentum = 0.9;
  CenterRule center_rule = CenterRule::kPerStep;
  CrossViewScale cross_view_scale = CrossViewScale::kSum;
  VolumeSlice volume_slice = VolumeSlice::kOn;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("student_temperature", self.student_temperature,
          "temperature of the student's softmax, greater than 0");
    visit("teacher_temperature", self.teacher_temperature,
          "temperature of the teacher's softmax after its warm-up, greater "
          "than 0");
    visit("center_momentum", self.center_momentum,
          "share of the center that stays at an update, in [0, 1)");
    visit("center_rule", self.center_rule,
          "when the center is updated: once a step, or with every loss term");
    visit("cross_view_scale", self.cross_view_scale,
          "how the two cross-view terms of Eq. 5 and 6 are joined");
    visit("volume_slice", self.volume_slice,
          "whether a volume must agree with its slices; on needs "
          "model.dimensions: both");
  }
  /// Keys begin with their group, as in a configuration.
  void check(Problems& problems) const;
};

/// Scalars by name, detached.
using NamedScalars = std::vector<std::pair<std::string, torch::Tensor>>;

/// A diagnostic: the mean entropy of the teacher's targets, nats, strictly
/// within (0, ln K) while the networks have not collapsed.
inline constexpr const char* kTeacherEntropy = "teacher_entropy";

/// The loss of one step and what follows from it.
struct StepLoss {
  torch::Tensor total;        ///< what is differentiated
  NamedScalars terms;         ///< "image", or those of Eq. 6
  torch::Tensor next_center;  ///< [1, K], to be committed after the step
  NamedScalars diagnostics;   ///< kTeacherEntropy
};

/// The loss of a part of a batch.
struct PartLoss {
  torch::Tensor total;  ///< what is differentiated
  NamedScalars terms;
};

/// What the teacher says of the batch of a step, which may come in equal parts.
struct TeacherOutput {
  /// By part, [2b, K] each: of the views (in `volume`), or of volumes and their
  /// slices.
  std::vector<VolumeSliceLogits> logits;
  CenterPlan centers;        ///< of the loss terms; `next` is to be committed
  NamedScalars diagnostics;  ///< kTeacherEntropy
};

/// The first half of a step. views: of each part as of step_loss(), all of one
/// shape. Of several processes all must call it, for the mean.
TeacherOutput teacher_output(StudentTeacher& networks,
                             const std::vector<torch::Tensor>& views,
                             const torch::Tensor& center,
                             double teacher_temperature,
                             const ObjectiveOptions& options,
                             const MeanOverProcesses& mean = {});

/// The loss of one part, the part-th, and its terms by name, detached.
PartLoss part_loss(StudentTeacher& networks, const torch::Tensor& views,
                   const TeacherOutput& teacher, size_t part,
                   double teacher_temperature, const ObjectiveOptions& options);

/// The objective for two views of a batch, [2B, C, H, W] or [2B, 1, D, H, W],
/// the first view's B rows first. A pure function of its arguments: networks
/// and center stay as they are.
///
/// Images: Eq. 5. Volumes: Eq. 6 with volume_slice on, else Eq. 5 on volumes.
///
/// mean: where the views are one process's equal part of a batch, for the
/// center, which is that of the whole batch; the loss is that of the part.
StepLoss step_loss(StudentTeacher& networks, const torch::Tensor& views,
                   const torch::Tensor& center, double teacher_temperature,
                   const ObjectiveOptions& options,
                   const MeanOverProcesses& mean = {});

}  // namespace unimiss::ssl

template <>
struct unimiss::EnumNames<unimiss::ssl::VolumeSlice> {
  static constexpr std::array kNames{
      std::pair{unimiss::ssl::VolumeSlice::kOn, "on"},
      std::pair{unimiss::ssl::VolumeSlice::kOff, "off"}};
};
