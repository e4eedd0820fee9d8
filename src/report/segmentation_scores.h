#pragma once

#include "report/evaluation_input.h"
#include "unimiss/report/results.h"

namespace unimiss::report {

/// A case that was measured.
struct ScoredCase {
  SegmentedCase result;
  /// Of each class, whether only one of prediction and reference has it.
  std::vector<bool> missing;
};

/// Reads prediction and reference, compares their grids, then measures all.
///
/// Memory: two int16 maps, and one file as it is read. Throws DataError with
/// all that is wrong with the case.
ScoredCase score_case(const MapPair& pair, int rank, const PredictedTask& task,
                      const EvaluationRequest& request);

}  // namespace unimiss::report
