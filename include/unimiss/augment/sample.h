#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace unimiss::augment {

/// One sample of a dataset, or the samples of a batch: its tensors by role.
///
/// `images`, float32, are what a network sees:
///   pretraining: the augmented views of one source, two and of one shape,
///     [3, H, W] (values in [0, 1]) or [1, D, H, W] (HU / 1024);
///   fine-tuning: the one input, [C, (D,) H, W], in units of the normalization.
/// `target` is what it must say of them, undefined where the sample has none
/// (pretraining): int16 [(D,) H, W] (a label map, or structures as bits),
/// int64 [] (a class) or float32 [K] of 0 and 1 (any number of classes).
///
/// A batch has its samples first: [B, ...].
struct Sample {
  std::vector<torch::Tensor> images;
  torch::Tensor target;
};

/// Calls visit(role, tensor) for every tensor that is there: "image_1",
/// "image_2", ..., "target".
void for_each_tensor(
    const Sample& sample,
    const std::function<void(const std::string&, const torch::Tensor&)>& visit);

/// A sample with the same roles, of what `change` makes of each tensor.
Sample map_tensors(
    const Sample& sample,
    const std::function<torch::Tensor(const torch::Tensor&)>& change);

/// On a device; copies from page-locked memory run beside the work queued
/// before them.
Sample to_device(const Sample& sample, torch::Device device);

/// Where a batch in host memory lies: page-locked, copies to a GPU are fast.
enum class HostMemory { kPageable, kPageLocked };

/// A batch for so many samples like this one, its values undefined.
Sample batch_like(const Sample& sample, int64_t samples, HostMemory memory);

/// Copies a sample into its row of a batch_like() it; several threads may fill
/// different rows. The samples of a batch must have the same roles and shapes,
/// contiguous.
void set_row(Sample& batch, int64_t row, const Sample& sample);

/// The samples of a batch.
int64_t rows_of(const Sample& batch);

}  // namespace unimiss::augment
