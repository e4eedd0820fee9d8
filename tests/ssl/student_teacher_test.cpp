#include "unimiss/ssl/student_teacher.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "testing/toy_network.h"
#include "unimiss/model/named_tensors.h"

namespace unimiss::ssl {
namespace {

TEST(StudentTeacher, TheTeacherBeginsAsACopyThatIsNotTrained) {
  const StudentTeacher networks(testing::toy_mit(), testing::toy_head());
  const auto teacher = model::named_tensors(*networks.teacher);
  for (const auto& [name, tensor] : model::named_tensors(*networks.student)) {
    EXPECT_TRUE(tensor.requires_grad()) << name;
    EXPECT_FALSE(teacher.at(name).requires_grad()) << name;
    EXPECT_TRUE(tensor.equal(teacher.at(name))) << name;
  }
}

TEST(StudentTeacher, TheTeacherTakesTheStudentsBuffersOver) {
  StudentTeacher networks(testing::toy_mit(), testing::toy_head());
  const torch::Tensor student =
      networks.student->head->register_buffer("statistics", at::ones({2}));
  const torch::Tensor teacher =
      networks.teacher->head->register_buffer("statistics", at::zeros({2}));
  networks.update_teacher(0.9);
  EXPECT_TRUE(teacher.equal(student));
  student.fill_(3);
  networks.copy_to_teacher();
  EXPECT_TRUE(teacher.equal(student));
}

}  // namespace
}  // namespace unimiss::ssl
