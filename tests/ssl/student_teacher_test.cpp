#include "unimiss/ssl/student_teacher.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "testing/toy_network.h"
#include "unimiss/model/named_tensors.h"

namespace unimiss::ssl {
namespace {

StudentTeacher toy_pair() {
  at::manual_seed(3);
  return {unimiss::testing::toy_mit(), unimiss::testing::toy_head()};
}

/// Sets every parameter to one value.
void fill(Network& network, double value) {
  const torch::NoGradGuard no_grad;
  for (auto& parameter : network->parameters()) parameter.fill_(value);
}

TEST(StudentTeacher, TheTeacherBeginsAsACopyWithoutGradients) {
  StudentTeacher pair = toy_pair();
  const auto student = pair.student->named_parameters();
  const auto teacher = pair.teacher->named_parameters();
  ASSERT_EQ(student.size(), teacher.size());
  for (const auto& item : student) {
    const torch::Tensor* copy = teacher.find(item.key());
    ASSERT_NE(copy, nullptr) << item.key();
    EXPECT_TRUE(copy->equal(item.value())) << item.key();
    EXPECT_NE(copy->data_ptr(), item.value().data_ptr()) << item.key();
    EXPECT_FALSE(copy->requires_grad()) << item.key();
  }
}

TEST(StudentTeacher, TheTeacherFollowsByItsMomentum) {
  StudentTeacher pair = toy_pair();
  fill(pair.student, 1);
  fill(pair.teacher, 0);
  pair.update_teacher(0.75);
  for (const auto& item : pair.teacher->named_parameters()) {
    EXPECT_TRUE(item.value().eq(0.25).all().item<bool>()) << item.key();
  }
  pair.update_teacher(0.75);
  EXPECT_NEAR(pair.teacher->parameters()[0].max().item<double>(), 0.4375, 1e-6);
  EXPECT_TRUE(pair.student->parameters()[0].eq(1).all().item<bool>());
  pair.copy_to_teacher();
  for (const auto& item : pair.teacher->named_parameters()) {
    EXPECT_TRUE(item.value().eq(1).all().item<bool>()) << item.key();
  }
}

TEST(StudentTeacher, EmbeddingsHaveUnitLength) {
  StudentTeacher pair = toy_pair();
  const torch::NoGradGuard no_grad;
  pair.to(torch::kDouble);
  for (const auto& views : {at::rand({2, 3, 64, 64}, torch::kDouble),
                            at::rand({2, 1, 16, 64, 64}, torch::kDouble)}) {
    const torch::Tensor embedding = pair.student->embed(views);
    EXPECT_EQ(embedding.sizes(), (std::vector<int64_t>{2, 8}));
    EXPECT_TRUE(embedding.norm(2, 1).allclose(at::ones({2}, torch::kDouble)));
  }
}

TEST(StudentTeacher, TheTeacherTakesTheStudentsBuffersOver) {
  StudentTeacher networks(unimiss::testing::toy_mit(),
                          unimiss::testing::toy_head());
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
