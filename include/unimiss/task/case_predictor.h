#pragma once

#include <torch/types.h>

#include <array>
#include <functional>
#include <vector>

#include "unimiss/data/case_cache.h"
#include "unimiss/eval/sliding_window.h"
#include "unimiss/finetune/config.h"
#include "unimiss/task/task_network.h"

/// What networks say of whole cases.
namespace unimiss::task {

/// How the cases of a task with so many classes or structures are read.
data::CaseDecodeOptions decode_options(const finetune::FinetuneConfig& config,
                                       int64_t outputs);

/// A network and how it predicts whole cases from windows.
struct CasePredictor {
  const finetune::FinetuneConfig& config;
  const std::vector<std::string>& classes;
  torch::Device device;
  TaskNetwork& network;

  /// The scores of a case on the grid that the network sees: logits [K] at
  /// each place, or, of a classification, the probabilities of the windows
  /// there. stop() is called between windows, and what it throws is passed on.
  /// The result refers to this predictor.
  eval::SlidingWindow windows(const augment::CaseVoxels& voxels,
                              std::function<void()> stop) const;
};

/// A case as a network sees it.
struct NetworkCase {
  const CasePredictor& predictor;
  const augment::CaseVoxels& voxels;
  /// Spacing of the case's own grid by that of the voxels, D, H, W.
  std::array<double, 3> scale{1, 1, 1};
};

/// Takes the probabilities [K, H, W] of slice z of the case's own grid, z
/// ascending.
using TakeProbabilities =
    std::function<void(int64_t z, const torch::Tensor& probabilities)>;

/// The map of a segmentation on the case's own grid of D, H, W voxels, int16:
/// the class of the largest interpolated score, or, as bits, the structures
/// whose score is greater than 0. Where `take` is given it is shown their
/// softmax (or sigmoid).
///
/// Memory: the map, a slice of K scores, and what SlidingWindow and ScoreSlices
/// hold: K scores at twice as many slices as a window is deep.
torch::Tensor predict_map(const NetworkCase& view,
                          const std::array<int64_t, 3>& size,
                          const std::function<void()>& stop,
                          const TakeProbabilities& take = nullptr);

/// The labels [H, W] where probabilities [K, H, W] were averaged: the largest,
/// or those greater than 1/2.
torch::Tensor labels_of_probabilities(const torch::Tensor& probabilities,
                                      augment::TargetKind target);

/// The probabilities of a classification, [K]: the mean over all places.
std::vector<double> predict_classes(const NetworkCase& view,
                                    const std::function<void()>& stop);

}  // namespace unimiss::task
