#pragma once

#include "unimiss/train/update.h"

namespace unimiss::pretrain {

/// A pretraining's update is AdamW's; its learning rate is that of a batch of
/// 192.
struct OptimizerOptions : train::UpdateOptions {
  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("lr", self.lr,
          "peak learning rate at a batch of 192, greater than 0; scaled "
          "linearly with a phase's batch");
    train::UpdateOptions::visit_fields(self, visit);
    visit("inactive_rule", self.inactive_rule,
          "what parameters without a gradient do: stay, or count as having a "
          "zero one once they had any");
  }
};

}  // namespace unimiss::pretrain
