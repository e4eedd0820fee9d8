#include "unimiss/augment/sample.h"

#include <ATen/Functions.h>

#include <cstring>

namespace unimiss::augment {
namespace {

void copy_row(const torch::Tensor& sample, const torch::Tensor& batch,
              int64_t row) {
  TORCH_CHECK(
      sample.is_contiguous() && sample.sizes() == batch.sizes().slice(1),
      "the samples of a dataset must have one shape");
  std::memcpy(static_cast<char*>(batch.data_ptr()) + row * sample.nbytes(),
              sample.data_ptr(), sample.nbytes());
}

}  // namespace

void for_each_tensor(const Sample& sample,
                     const std::function<void(const std::string&,
                                              const torch::Tensor&)>& visit) {
  for (size_t i = 0; i < sample.images.size(); ++i) {
    visit("image_" + std::to_string(i + 1), sample.images[i]);
  }
  if (sample.target.defined()) visit("target", sample.target);
}

Sample map_tensors(
    const Sample& sample,
    const std::function<torch::Tensor(const torch::Tensor&)>& change) {
  Sample changed;
  changed.images.reserve(sample.images.size());
  for (const torch::Tensor& image : sample.images) {
    changed.images.push_back(change(image));
  }
  if (sample.target.defined()) changed.target = change(sample.target);
  return changed;
}

Sample to_device(const Sample& sample, torch::Device device) {
  return map_tensors(sample, [device](const torch::Tensor& tensor) {
    return tensor.to(device, /*non_blocking=*/true);
  });
}

Sample batch_like(const Sample& sample, int64_t samples, HostMemory memory) {
  return map_tensors(sample, [&](const torch::Tensor& tensor) {
    auto sizes = tensor.sizes().vec();
    sizes.insert(sizes.begin(), samples);
    return at::empty(sizes, tensor.options().pinned_memory(
                                memory == HostMemory::kPageLocked));
  });
}

void set_row(Sample& batch, int64_t row, const Sample& sample) {
  TORCH_CHECK(sample.images.size() == batch.images.size() &&
                  sample.target.defined() == batch.target.defined(),
              "the samples of a dataset must have the same roles");
  for (size_t i = 0; i < sample.images.size(); ++i) {
    copy_row(sample.images[i], batch.images[i], row);
  }
  if (sample.target.defined()) copy_row(sample.target, batch.target, row);
}

int64_t rows_of(const Sample& batch) { return batch.images.at(0).size(0); }

}  // namespace unimiss::augment
