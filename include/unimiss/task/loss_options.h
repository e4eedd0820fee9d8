#pragma once

#include "unimiss/task/segmentation_loss.h"

namespace unimiss::task {

/// What the training of a task minimises: a configuration's group `loss`.
struct LossOptions {
  SegmentationLossOptions segmentation;
  bool deep_supervision = true;
  double label_smoothing = 0;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    SegmentationLossOptions::visit_fields(self.segmentation, visit);
    visit("deep_supervision", self.deep_supervision,
          "of a segmentation: a loss at every resolution of the decoder");
    visit("label_smoothing", self.label_smoothing,
          "of a classification: share of the probability spread over all "
          "classes, in [0, 1)");
  }
  void check(Problems& problems) const {
    segmentation.check(problems);
    problems.in_range(label_smoothing, from_below(0, 1),
                      "loss.label_smoothing");
  }
};

}  // namespace unimiss::task
