#include "unimiss/pretrain/weight_export.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include "testing/temporary_directory.h"
#include "testing/toy_network.h"
#include "unimiss/core/error.h"
#include "unimiss/io/tensor_archive.h"

namespace unimiss::pretrain {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

PretrainerOptions toy(int64_t prototypes = 32) {
  PretrainerOptions options;
  options.model = testing::toy_mit();
  options.head = testing::toy_head();
  options.head.prototypes = prototypes;
  return options;
}

void expect_same_state(const Pretrainer& a, const Pretrainer& b) {
  const auto expected = b.state();
  for (const auto& [name, tensor] : a.state()) {
    EXPECT_TRUE(tensor.equal(expected.at(name))) << name;
  }
}

TEST(WeightExport, WritesOfficialNamesWithMetadata) {
  const testing::TemporaryDirectory folder;
  Pretrainer pretrainer(toy());
  const ExportedFiles files =
      export_weights(folder.path().string(), pretrainer, {{"step", "7"}});
  const auto student = io::load_tensors(files.student);
  EXPECT_TRUE(student.contains("backbone.transformer.pos_embed2D1"));
  EXPECT_FALSE(student.contains("head.last_layer.weight_g"));
  EXPECT_EQ(io::load_metadata(files.student).at("step"), "7");
  EXPECT_EQ(io::load_metadata(files.teacher).at("content"),
            "backbone of the teacher");
  const auto full = io::load_tensors(files.full);
  EXPECT_TRUE(full.contains("teacher.head.last_layer.weight_g"));
  EXPECT_TRUE(full.contains("center"));
  EXPECT_EQ(full.size(),
            2 * pretrainer.networks().teacher->named_parameters().size() + 1);
}

TEST(WeightExport, AnotherPretrainingGoesOnFromIt) {
  const testing::TemporaryDirectory folder;
  at::manual_seed(1);
  Pretrainer from(toy()), to(toy());
  auto state = from.state();
  state["center"] = at::full({1, 32}, 3.0);
  from.load_state(state);
  load_exported_weights(export_weights(folder.path().string(), from, {}).full,
                        to);
  expect_same_state(to, from);
}

TEST(WeightExport, TakesBuffersAlong) {
  const testing::TemporaryDirectory folder;
  Pretrainer from(toy()), to(toy()), without(toy());
  for (Pretrainer* pretrainer : {&from, &to}) {
    auto& networks = pretrainer->networks();
    for (ssl::Network* network : {&networks.student, &networks.teacher}) {
      (*network)->head->register_buffer(
          "statistics", at::full({2}, pretrainer == &from ? 3.0 : 0.0));
    }
  }
  const std::string file =
      export_weights(folder.path().string(), from, {}).full;
  EXPECT_TRUE(io::load_tensors(file).contains("teacher.head.statistics"));
  load_exported_weights(file, to);
  expect_same_state(to, from);
  EXPECT_THROW(load_exported_weights(file, without), DataError);
}

TEST(WeightExport, WhatDoesNotFitIsNamedAndChangesNothing) {
  const testing::TemporaryDirectory folder;
  at::manual_seed(1);
  Pretrainer from(toy(64)), to(toy()), same(toy());
  same.load_state(to.state());
  const std::string file =
      export_weights(folder.path().string(), from, {}).full;
  auto weights = io::load_tensors(file);
  weights.erase("student.backbone.transformer.cls_tokens1");
  weights["more"] = at::ones({1});
  io::save_tensors(file, weights);
  EXPECT_THAT(
      [&] { load_exported_weights(file, to); },
      ThrowsMessage<DataError>(AllOf(
          HasSubstr("center is 1x64 there and 1x32 here"),
          HasSubstr("student.backbone.transformer.cls_tokens1 is missing"),
          HasSubstr("tensors; name a full.safetensors"))));
  expect_same_state(to, same);
}

}  // namespace
}  // namespace unimiss::pretrain
