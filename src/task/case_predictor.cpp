#include "unimiss/task/case_predictor.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <utility>

#include "unimiss/core/error.h"
#include "unimiss/core/precision.h"
#include "unimiss/data/labeled_dataset.h"
#include "unimiss/eval/label_map.h"
#include "unimiss/eval/score_slices.h"

namespace unimiss::task {
namespace {

/// Scores of windows [n, C, window] of stored steps.
torch::Tensor scores_of(const CasePredictor& predictor,
                        const torch::Tensor& steps) {
  const AutocastGuard autocast(predictor.device.type(),
                               predictor.config.run.precision);
  const torch::Tensor windows =
      steps.to(predictor.device).to(torch::kFloat) / augment::kIntensitySteps;
  torch::Tensor scores = predictor.network.scores(windows);
  // Else the background would win in silence.
  const auto [least, most] = at::aminmax(scores);
  if (!at::isfinite(most - least).item<bool>()) {
    throw RunError(
        fmt::format("the network's scores are not finite in {} (its numbers "
                    "have overflowed, or its weights are damaged); use fp32 "
                    "or bf16 (unimiss-predict: --precision)",
                    enum_name(predictor.config.run.precision)));
  }
  if (augment::is_segmentation(predictor.config.task.target)) return scores;
  // A class probability holds for the whole window.
  std::vector<int64_t> shape(windows.dim(), 1);
  shape[0] = scores.size(0), shape[1] = scores.size(1);
  std::vector<int64_t> sizes = windows.sizes().vec();
  sizes[1] = scores.size(1);
  return scores.view(shape).expand(sizes);
}

}  // namespace

data::CaseDecodeOptions decode_options(const finetune::FinetuneConfig& config,
                                       int64_t outputs) {
  data::CaseDecodeOptions options;
  options.rank = config.rank();
  options.channels = options.rank == 2 ? config.model.image_channels
                                       : config.model.volume_channels;
  options.modalities = config.data.modalities;
  options.target = config.task.target;
  options.classes = outputs;
  options.label_values = config.task.label_values;
  options.intensity = config.data.intensity;
  options.spacing = config.data.spacing;
  options.size = config.data.size;
  options.labels = config.data.label_interpolation;
  return options;
}

eval::SlidingWindow CasePredictor::windows(const augment::CaseVoxels& voxels,
                                           std::function<void()> stop) const {
  const int rank = config.rank();
  const auto patch = config.patch();
  const std::vector<int64_t> window(patch.end() - rank, patch.end());
  const torch::Tensor padding = at::tensor(data::padding_of(voxels))
                                    .mul(augment::kIntensitySteps)
                                    .round();
  const torch::Tensor image =
      rank == 2 ? voxels.image.squeeze(1) : voxels.image;
  return {image, window, padding, config.inference,
          [this, stop = std::move(stop)](const torch::Tensor& steps) {
            stop();
            return scores_of(*this, steps);
          }};
}

torch::Tensor predict_map(const NetworkCase& view,
                          const std::array<int64_t, 3>& size,
                          const std::function<void()>& stop,
                          const TakeProbabilities& take) {
  torch::NoGradGuard no_grad;
  const bool structures =
      view.predictor.config.task.target == augment::TargetKind::kStructures;
  eval::SlidingWindow windows = view.predictor.windows(view.voxels, stop);
  eval::ScoreSlices slices([&] { return windows.next(); }, windows.depth(),
                           size, view.scale);
  torch::Tensor map = at::empty({size[0], size[1], size[2]}, torch::kShort);
  for (int64_t z = 0; z < size[0]; ++z) {
    const torch::Tensor scores = slices.next();
    map.select(0, z).copy_(structures ? eval::structure_bits(scores)
                                      : eval::exclusive_labels(scores));
    if (take)
      take(z, structures ? at::sigmoid(scores) : at::softmax(scores, 0));
  }
  return map;
}

torch::Tensor labels_of_probabilities(const torch::Tensor& probabilities,
                                      augment::TargetKind target) {
  return target == augment::TargetKind::kStructures
             ? eval::structure_bits(probabilities, 0.5F)
             : eval::exclusive_labels(probabilities);
}

std::vector<double> predict_classes(const NetworkCase& view,
                                    const std::function<void()>& stop) {
  torch::NoGradGuard no_grad;
  eval::SlidingWindow windows = view.predictor.windows(view.voxels, stop);
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
