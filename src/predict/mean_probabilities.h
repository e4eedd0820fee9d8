#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "predict/temporary_file.h"

namespace unimiss::predict {

/// The mean of the probabilities of several networks, slice by slice. The sums
/// lie on the disk, so that memory holds one slice, however many networks there
/// are.
class MeanProbabilities {
 public:
  /// In a temporary file in `folder`. Throws DataError where there can be none.
  explicit MeanProbabilities(const std::string& folder);

  /// [K, H, W] float32 of slice z of the next network; each network gives all
  /// slices. Throws DataError where the disk is full.
  void add(int64_t z, const torch::Tensor& probabilities);
  /// The mean of slice z, once `networks` of them have been added.
  torch::Tensor mean(int64_t z, int64_t networks) const;

 private:
  torch::Tensor read(int64_t z) const;
  void seek(int64_t z) const;

  std::string folder_;
  File file_;
  std::vector<int64_t> shape_;  ///< K, H, W
  int64_t slices_ = 0;          ///< that the file holds
};

}  // namespace unimiss::predict
