#pragma once

#include <array>
#include <string>
#include <utility>

#include "unimiss/core/fields.h"

namespace unimiss::task {

/// Which weights a finished run is tested with and predicts with.
enum class FinalWeights { kBest, kLast };

/// A part of a configuration's group `validation`.
struct FinalWeightOptions {
  double average_decay = 0;
  FinalWeights final_weights = FinalWeights::kBest;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("average_decay", self.average_decay,
          "of the exponential average of the weights, a step, in [0, 1); it is "
          "validated too. 0: none");
    visit("final_weights", self.final_weights,
          "which weights are tested and exported for predictions: the best in "
          "validation, or the last",
          kMayChange);
  }
  void check(Problems& problems) const {
    problems.in_range(average_decay, from_below(0, 1),
                      "validation.average_decay");
  }
};

/// The weights that the finished run in a folder was tested with; a file that
/// does not exist where it has not finished.
std::string final_weights_file(const std::string& folder,
                               const FinalWeightOptions& options);

}  // namespace unimiss::task

template <>
struct unimiss::EnumNames<unimiss::task::FinalWeights> {
  static constexpr std::array kNames{
      std::pair{unimiss::task::FinalWeights::kBest, "best"},
      std::pair{unimiss::task::FinalWeights::kLast, "last"}};
};
