#include "unimiss/ssl/volume_slice.h"

#include <ATen/Functions.h>

namespace unimiss::ssl {

torch::Tensor slices_of(const torch::Tensor& volumes) {
  TORCH_CHECK(volumes.dim() == 5 && volumes.size(1) == 1,
              "expected volumes [R, 1, D, H, W], got ", volumes.sizes());
  return volumes.squeeze(1).flatten(0, 1).unsqueeze(1);
}

torch::Tensor slice_mean(const torch::Tensor& rows, int64_t slices) {
  return rows.view({-1, slices, rows.size(1)}).mean(1);
}

std::vector<torch::Tensor> volume_slice_means(
    const VolumeSliceLogits& teacher) {
  const torch::Tensor volume = teacher.volume.mean(0, /*keepdim=*/true);
  const torch::Tensor slices = teacher.slices.mean(0, /*keepdim=*/true);
  return {volume, volume, slices, slices};
}

std::array<torch::Tensor, 4> volume_slice_loss(
    const VolumeSliceLogits& student, const VolumeSliceLogits& teacher,
    const std::vector<torch::Tensor>& centers, double student_temperature,
    double teacher_temperature, CrossViewScale scale) {
  TORCH_CHECK(centers.size() == 4, "volume_slice_loss needs four centers");
  const torch::Tensor volume =
      student_log_probabilities(student.volume, student_temperature);
  const torch::Tensor slices =
      student_log_probabilities(student.slices, student_temperature);
  auto term = [&](const torch::Tensor& log_probabilities,
                  const torch::Tensor& teacher_logits, size_t index) {
    return dino_loss(log_probabilities,
                     teacher_probabilities(teacher_logits, centers[index],
                                           teacher_temperature),
                     scale);
  };
  return {term(volume, teacher.volume, 0), term(slices, teacher.volume, 1),
          term(slices, teacher.slices, 2), term(volume, teacher.slices, 3)};
}

}  // namespace unimiss::ssl
