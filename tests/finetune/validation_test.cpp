#include "finetune/validation.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include <limits>

#include "finetune/toy_finetune.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"
#include "unimiss/io/image.h"
#include "unimiss/io/volume.h"

namespace unimiss::finetune {
namespace {

using augment::TargetKind;
using testing::toy_finetune;

/// Cases larger than the patch, of another size each, predicted whole.
TEST(Validation, PredictsCasesOnTheirOwnGrid) {
  const testing::TemporaryDirectory folder;
  at::manual_seed(1);
  std::vector<augment::Case> cases;
  for (const int64_t width : {70, 101}) {
    const std::string id = "case" + std::to_string(width);
    io::write_png(folder.file(id + ".png"),
                  at::randint(256, {80, width}, torch::kByte));
    io::write_png(folder.file(id + "_mask.png"),
                  at::randint(3, {80, width}, torch::kByte));
    cases.push_back({id,
                     {folder.file(id + ".png")},
                     {folder.file(id + "_mask.png")},
                     {},
                     ""});
  }
  FinetuneConfig config = toy_finetune(TargetKind::kLabelMap);
  config.data.size = {96, 72};
  const task::TaskSpec spec = config.task_spec(config.task.classes);
  const auto network = task::make_task(spec);
  const data::CaseCache cache(cases, spec.decode_options(),
                              {folder.file("cache"), 1});
  const auto results = evaluate(
      {}, {network.get()}, cache, {0, 1}, [] { return false; },
      folder.file("predictions"));
  ASSERT_TRUE(results);
  const auto& found = std::get<report::SegmentationResults>(results->front());
  ASSERT_EQ(found.cases.size(), 2u);
  const torch::Tensor map = io::read_pixels(found.cases[1].prediction);
  EXPECT_EQ(map.sizes(), (std::vector<int64_t>{1, 80, 101}));
  const auto count = [&](const char* name) {
    return report::value_of(found.cases[1].classes.at(0), name).value();
  };
  EXPECT_EQ(count("n_pred") + count("FN") + count("TN"), 80 * 101);
  EXPECT_EQ(count("n_pred"), map.eq(1).sum().item<double>());

  // A network whose numbers are lost has found no background.
  torch::Tensor first = network->module().parameters().front();
  const torch::Tensor kept = first.detach().clone();
  {
    const torch::NoGradGuard no_grad;
    first.fill_(std::numeric_limits<float>::quiet_NaN());
    EXPECT_THROW(
        evaluate({}, {network.get()}, cache, {0}, [] { return false; }),
        RunError);
    first.copy_(kept);
  }

  // Asked to stop before the second case.
  int questions = 0;
  EXPECT_FALSE(evaluate({}, {network.get()}, cache, {0, 1},
                        [&] { return ++questions > 2; }));
}

}  // namespace
}  // namespace unimiss::finetune
