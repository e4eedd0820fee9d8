#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "unimiss/model/position_embedding.h"

namespace unimiss::model {

/// What became of one tensor.
enum class Transfer {
  kLoaded,      ///< taken over as it is
  kResampled,   ///< a position table brought to the network's grid, or the
                ///< stem to its input's channels
  kMissing,     ///< of the network's, and not among the weights
  kUnexpected,  ///< among the weights, and not of the network
};

struct TransferReport {
  struct Item {
    std::string name;  ///< the released weights' one
    Transfer transfer = Transfer::kLoaded;
    std::string detail;  ///< "8x24x24 -> 24x48x48"
  };
  std::vector<Item> items;  ///< the network's, in its order, then the others
  /// Share of the backbone's numbers that were taken over, in [0, 1].
  double coverage = 0;

  int64_t count(Transfer transfer) const;
};

/// The inputs that pretrained position tables were made for.
struct PretrainedSizes {
  int64_t image_size = 224;
  std::array<int64_t, 3> volume_size{16, 96, 96};
};

/// Takes pretrained weights over into the backbone of another network: a
/// SegmentationNetwork, a ClassificationNetwork, a Mit within a module.
///
/// weights: by official_name(), of one network ("backbone.*"; "head.*" of the
/// projection head is left out silently). Position tables are resampled on the
/// true grids of both sizes, with the class token's row kept, left out, or
/// (where the weights have none) zero. The stem of an input with other channels
/// answers to equal channels as before. Everything is checked before anything
/// changes.
/// Errors: TORCH_CHECK for a tensor whose shape does not fit, naming it.
TransferReport transfer_weights(
    const std::map<std::string, torch::Tensor>& weights,
    const PretrainedSizes& sizes, torch::nn::Module& network);

/// Why weights are not those of a network, a tensor each.
struct Misfit {
  enum class Kind { kMissing, kShape, kSurplus };
  std::string name;
  Kind kind = Kind::kMissing;
  std::string text;  ///< "x is missing", "x is 3x4 there and 3x5 here"
};

/// Holds weights against the tensors of the same names that they are to be
/// copied into; empty: all fit. By name, what is too much last.
std::vector<Misfit> misfits_of(
    const std::map<std::string, torch::Tensor>& weights,
    const std::map<std::string, torch::Tensor>& targets);

/// Copies weights that fit into the targets; more weights are left out.
void copy_weights(const std::map<std::string, torch::Tensor>& weights,
                  const std::map<std::string, torch::Tensor>& targets);

}  // namespace unimiss::model
