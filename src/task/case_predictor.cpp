#include "task/case_predictor.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include "unimiss/core/error.h"
#include "unimiss/core/precision.h"
#include "unimiss/data/labeled_dataset.h"
#include "unimiss/eval/decision.h"
#include "unimiss/eval/score_slices.h"

namespace unimiss::task {
namespace {

/// Scores of windows [n, C, window] of stored steps.
torch::Tensor scores_of(Task& task, const torch::Tensor& steps) {
  const torch::Device device = task.device();
  const Precision precision = task.spec().precision;
  const AutocastGuard autocast(device.type(), precision);
  const torch::Tensor windows =
      steps.to(device).to(torch::kFloat) / augment::kIntensitySteps;
  torch::Tensor scores = task.scores(windows);
  // Else the background would win in silence.
  const auto [least, most] = at::aminmax(scores);
  if (!at::isfinite(most - least).item<bool>()) {
    throw RunError(
        fmt::format("the network's scores are not finite in {} (its numbers "
                    "have overflowed, or its weights are damaged); use fp32 "
                    "or bf16 (unimiss-predict: --precision)",
                    enum_name(precision)));
  }
  if (scores.dim() == windows.dim()) return scores;
  // A class probability [n, K] holds for the whole window.
  std::vector<int64_t> shape(windows.dim(), 1);
  shape[0] = scores.size(0), shape[1] = scores.size(1);
  std::vector<int64_t> sizes = windows.sizes().vec();
  sizes[1] = scores.size(1);
  return scores.view(shape).expand(sizes);
}

}  // namespace

eval::SlidingWindow score_windows(Task& task, const NetworkCase& of) {
  const int rank = task.spec().rank();
  const auto patch = task.spec().patch();
  const std::vector<int64_t> window(patch.end() - rank, patch.end());
  const torch::Tensor padding = at::tensor(data::padding_of(of.voxels))
                                    .mul(augment::kIntensitySteps)
                                    .round();
  const torch::Tensor image =
      rank == 2 ? of.voxels.image.squeeze(1) : of.voxels.image;
  return {image, window, padding, task.spec().inference,
          [&task, &of](const torch::Tensor& steps) {
            of.stop();
            return scores_of(task, steps);
          }};
}

torch::Tensor predict_map(Task& task, const NetworkCase& of) {
  const torch::NoGradGuard no_grad;
  const ClassRelation relation = task.spec().target.relation();
  const auto& size = of.size;
  eval::SlidingWindow windows = score_windows(task, of);
  eval::ScoreSlices slices([&] { return windows.next(); }, windows.depth(),
                           size, of.scale);
  torch::Tensor map = at::empty({size[0], size[1], size[2]}, torch::kShort);
  for (int64_t z = 0; z < size[0]; ++z) {
    const torch::Tensor scores = slices.next();
    map.select(0, z).copy_(
        eval::decided_map(scores, relation, eval::ScoreKind::kLogits));
    if (!of.take) continue;
    of.take(z, relation == ClassRelation::kExclusive ? at::softmax(scores, 0)
                                                     : at::sigmoid(scores));
  }
  return map;
}

std::vector<double> predict_classes(Task& task, const NetworkCase& of) {
  const torch::NoGradGuard no_grad;
  eval::SlidingWindow windows = score_windows(task, of);
  torch::Tensor sum;
  int64_t places = 0;
  for (torch::Tensor slab = windows.next(); slab.defined();
       slab = windows.next()) {
    const torch::Tensor flat = slab.flatten(1).to(torch::kDouble);
    sum = sum.defined() ? sum.add_(flat.sum(1)) : flat.sum(1);
    places += flat.size(1);
  }
  sum.div_(static_cast<double>(places));
  const auto* begin = sum.const_data_ptr<double>();
  return {begin, begin + sum.numel()};
}

}  // namespace unimiss::task
