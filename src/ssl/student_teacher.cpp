#include "unimiss/ssl/student_teacher.h"

#include "unimiss/model/named_tensors.h"

namespace unimiss::ssl {

NetworkImpl::NetworkImpl(const model::MitOptions& backbone_options,
                         const ProjectionHeadOptions& head_options) {
  backbone = register_module("backbone", model::Mit(backbone_options));
  head = register_module(
      "head", ProjectionHead(backbone_options.widths[0], head_options));
}

torch::Tensor NetworkImpl::embed(const torch::Tensor& views) {
  return head->embed(backbone->forward(views));
}

StudentTeacher::StudentTeacher(const model::MitOptions& backbone,
                               const ProjectionHeadOptions& head)
    : student(backbone, head), teacher(backbone, head) {
  for (torch::Tensor& parameter : teacher->parameters()) {
    parameter.set_requires_grad(false);
  }
  teacher->eval();
  copy_to_teacher();
}

void StudentTeacher::update_teacher(double momentum) {
  model::average_tensors(*student, *teacher, momentum);
}

void StudentTeacher::copy_to_teacher() {
  model::copy_tensors(*student, *teacher);
}

void StudentTeacher::to(torch::Device device) {
  student->to(device);
  teacher->to(device);
}

void StudentTeacher::to(torch::ScalarType type) {
  student->to(type);
  teacher->to(type);
}

}  // namespace unimiss::ssl
