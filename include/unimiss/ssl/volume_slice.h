#pragma once

#include <torch/types.h>

#include <array>
#include <string_view>

#include "unimiss/ssl/center.h"
#include "unimiss/ssl/dino_loss.h"

namespace unimiss::ssl {

/// The four cross-view terms of volume-slice consistency (paper Eq. 6 and
/// Fig. 2), in the order of their evaluation; "a_b": student on a, teacher on
/// b.
inline constexpr std::array<std::string_view, 4> kVolumeSliceTerms{
    "volume", "slices_volume", "slices", "volume_slices"};

/// Every slice of every volume as a grey image:
/// [R, 1, D, H, W] → [R·D, 1, H, W], the slices of one volume together.
torch::Tensor slices_of(const torch::Tensor& volumes);

/// The mean over each volume's slices: [R·D, C] → [R, C].
torch::Tensor slice_mean(const torch::Tensor& rows, int64_t slices);

/// The logits [2B, K] of one network for both views.
struct VolumeSliceLogits {
  torch::Tensor volume;
  torch::Tensor slices;  ///< the mean over a view's slices
};

/// The mean teacher logits [1, K] behind each of the four terms, for
/// plan_centers().
std::vector<torch::Tensor> volume_slice_means(const VolumeSliceLogits& teacher);

/// The four terms of Eq. 6, each a dino_loss; their sum is the loss.
/// centers: one per term, from plan_centers().
std::array<torch::Tensor, 4> volume_slice_loss(
    const VolumeSliceLogits& student, const VolumeSliceLogits& teacher,
    const std::vector<torch::Tensor>& centers, double student_temperature,
    double teacher_temperature, CrossViewScale scale);

}  // namespace unimiss::ssl
