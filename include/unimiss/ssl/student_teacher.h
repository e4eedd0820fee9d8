#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include "unimiss/model/mit.h"
#include "unimiss/ssl/projection_head.h"

namespace unimiss::ssl {

/// Backbone and projection head: what student and teacher each are.
class NetworkImpl : public torch::nn::Module {
 public:
  NetworkImpl(const model::MitOptions& backbone,
              const ProjectionHeadOptions& head);

  /// views [R, C, (D,) H, W] → unit embeddings [R, bottleneck].
  torch::Tensor embed(const torch::Tensor& views);

  model::Mit backbone{nullptr};
  ProjectionHead head{nullptr};
};
TORCH_MODULE(Network);

/// The pair of networks of self-distillation (paper Sec. 3.2). The teacher
/// starts as a copy of the student, is never trained, takes no part in autograd
/// and follows the student by an exponential moving average.
class StudentTeacher {
 public:
  StudentTeacher(const model::MitOptions& backbone,
                 const ProjectionHeadOptions& head);

  /// teacher ← momentum · teacher + (1 − momentum) · student, every parameter;
  /// buffers are the student's (model::average_tensors()).
  void update_teacher(double momentum);

  /// Makes the teacher equal to the student.
  void copy_to_teacher();

  void to(torch::Device device);
  void to(torch::ScalarType type);

  Network student{nullptr}, teacher{nullptr};
};

}  // namespace unimiss::ssl
