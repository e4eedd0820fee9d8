#pragma once

#include "predict/evaluation_input.h"
#include "unimiss/train/evaluation.h"

namespace unimiss::predict {

/// A case that was measured.
struct ScoredCase {
  train::CaseResult result;
  /// Of each class, whether only one of prediction and reference has it.
  std::vector<bool> missing;
};

/// Reads prediction and reference, compares their grids, then measures all.
///
/// Memory: two int16 maps, and one file as it is read. Throws DataError with
/// all that is wrong with the case.
ScoredCase score_case(const MapPair& pair, int rank, const EvaluationTask& task,
                      const EvaluationRequest& request);

}  // namespace unimiss::predict
