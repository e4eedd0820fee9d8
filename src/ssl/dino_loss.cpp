#include "unimiss/ssl/dino_loss.h"

#include <ATen/Functions.h>

namespace unimiss::ssl {

torch::Tensor teacher_probabilities(const torch::Tensor& teacher_logits,
                                    const torch::Tensor& center,
                                    double temperature) {
  torch::NoGradGuard no_grad;
  return at::softmax((teacher_logits - center) / temperature, -1);
}

torch::Tensor student_log_probabilities(const torch::Tensor& student_logits,
                                        double temperature) {
  return at::log_softmax(student_logits / temperature, -1);
}

torch::Tensor dino_loss(const torch::Tensor& student,
                        const torch::Tensor& teacher, CrossViewScale scale) {
  TORCH_CHECK(student.sizes() == teacher.sizes() && student.size(0) % 2 == 0,
              "expected student and teacher rows of two views, got ",
              student.sizes(), " and ", teacher.sizes());
  const int64_t batch = student.size(0) / 2;
  const torch::Tensor other_view = at::roll(teacher, batch, /*dims=*/0);
  const torch::Tensor mean =
      -(other_view * student).sum() / static_cast<double>(2 * batch);
  return scale == CrossViewScale::kMean ? mean : 2 * mean;
}

torch::Tensor mean_entropy(const torch::Tensor& probabilities) {
  torch::NoGradGuard no_grad;
  return at::special_entr(probabilities).sum(-1).mean();
}

}  // namespace unimiss::ssl
