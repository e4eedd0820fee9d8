#include "predict/mean_probabilities.h"

#include <ATen/Functions.h>

#include <vector>

namespace unimiss::predict {

MeanProbabilities::MeanProbabilities(const std::string& folder)
    : folder_(folder), file_(temporary_file(folder)) {}

void MeanProbabilities::seek(int64_t z) const {
  const int64_t bytes = z * shape_[0] * shape_[1] * shape_[2] *
                        static_cast<int64_t>(sizeof(float));
  if (std::fseek(file_.get(), bytes, SEEK_SET) != 0) throw_full(folder_);
}

torch::Tensor MeanProbabilities::read(int64_t z) const {
  torch::Tensor sum = at::empty(shape_, torch::kFloat);
  seek(z);
  const auto count = static_cast<size_t>(sum.numel());
  if (std::fread(sum.data_ptr<float>(), sizeof(float), count, file_.get()) !=
      count) {
    throw_full(folder_);
  }
  return sum;
}

void MeanProbabilities::add(int64_t z, const torch::Tensor& probabilities) {
  shape_ = probabilities.sizes().vec();
  torch::Tensor sum = probabilities.contiguous();
  if (z < slices_) sum = read(z).add_(sum);
  slices_ = std::max(slices_, z + 1);
  seek(z);
  const auto count = static_cast<size_t>(sum.numel());
  if (std::fwrite(sum.const_data_ptr<float>(), sizeof(float), count,
                  file_.get()) != count) {
    throw_full(folder_);
  }
}

torch::Tensor MeanProbabilities::mean(int64_t z, int64_t networks) const {
  return read(z).div_(static_cast<double>(networks));
}

}  // namespace unimiss::predict
