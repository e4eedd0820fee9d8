#include "unimiss/ssl/objective.h"

#include <ATen/Functions.h>

#include <utility>

namespace unimiss::ssl {
namespace {

/// The logits of one network for volume views and their slices. The slices'
/// embeddings are averaged before the last layer, which is linear, so that it
/// runs once for 4B rows.
VolumeSliceLogits volume_slice_logits(Network& network,
                                      const torch::Tensor& views) {
  const int64_t rows = views.size(0);
  const torch::Tensor volume = network->embed(views);
  const torch::Tensor slices =
      slice_mean(network->embed(slices_of(views)), views.size(2));
  const torch::Tensor logits = network->head->logits(at::cat({volume, slices}));
  return {logits.slice(0, 0, rows), logits.slice(0, rows)};
}

/// Eq. 6, or Eq. 5 for images or volumes alone.
bool is_consistency(const torch::Tensor& views,
                    const ObjectiveOptions& options) {
  return views.dim() == 5 && options.volume_slice == VolumeSlice::kOn;
}

VolumeSliceLogits logits_of(Network& network, const torch::Tensor& views,
                            const ObjectiveOptions& options) {
  if (is_consistency(views, options)) {
    return volume_slice_logits(network, views);
  }
  return {network->head->logits(network->embed(views)), {}};
}

/// The means of the teacher's outputs that each loss term brings, [1, K] each.
std::vector<torch::Tensor> term_means(const VolumeSliceLogits& teacher) {
  if (teacher.slices.defined()) return volume_slice_means(teacher);
  return {teacher.volume.mean(0, /*keepdim=*/true)};
}

/// The centers of the loss terms, from the parts of a batch.
CenterPlan centers_of(const torch::Tensor& center,
                      const std::vector<VolumeSliceLogits>& parts,
                      const ObjectiveOptions& options,
                      const MeanOverProcesses& mean) {
  std::vector<torch::Tensor> means = term_means(parts[0]);
  for (size_t part = 1; part < parts.size(); ++part) {
    const auto others = term_means(parts[part]);
    // Not in place: terms share their means.
    for (size_t i = 0; i < means.size(); ++i) means[i] = means[i] + others[i];
  }
  if (parts.size() > 1) {
    const auto count = static_cast<double>(parts.size());
    for (auto& each : means) each = each / count;
  }
  if (mean.processes() > 1) {
    // At once: one message for all terms.
    torch::Tensor all = at::stack(means);
    mean(all);
    means = all.unbind();
  }
  return plan_centers(center, means, options.center_rule,
                      options.center_momentum);
}

torch::Tensor entropy_of(const VolumeSliceLogits& teacher,
                         const CenterPlan& centers, double temperature) {
  const torch::Tensor targets =
      teacher_probabilities(teacher.volume, centers.per_term[0], temperature);
  if (!teacher.slices.defined()) return mean_entropy(targets);
  return mean_entropy(at::cat(
      {targets, teacher_probabilities(teacher.slices, centers.per_term[2],
                                      temperature)}));
}

}  // namespace

void ObjectiveOptions::check(Problems& problems) const {
  problems.in_range(student_temperature, greater_than(0),
                    "loss.student_temperature");
  problems.in_range(teacher_temperature, greater_than(0),
                    "loss.teacher_temperature");
  problems.in_range(center_momentum, from_below(0, 1), "loss.center_momentum");
}

TeacherOutput teacher_output(StudentTeacher& networks,
                             const std::vector<torch::Tensor>& views,
                             const torch::Tensor& center,
                             double teacher_temperature,
                             const ObjectiveOptions& options,
                             const MeanOverProcesses& mean) {
  const torch::NoGradGuard no_grad;
  TORCH_CHECK(!views.empty(), "a step without views");
  TeacherOutput out;
  for (const torch::Tensor& part : views) {
    TORCH_CHECK(part.sizes() == views[0].sizes(),
                "the parts of a batch must be equal");
    out.logits.push_back(logits_of(networks.teacher, part, options));
  }
  out.centers = centers_of(center, out.logits, options, mean);
  std::vector<torch::Tensor> entropies;
  for (const auto& logits : out.logits) {
    entropies.push_back(entropy_of(logits, out.centers, teacher_temperature));
  }
  out.diagnostics = {{kTeacherEntropy, entropies.size() == 1
                                           ? entropies[0]
                                           : at::stack(entropies).mean()}};
  return out;
}

PartLoss part_loss(StudentTeacher& networks, const torch::Tensor& views,
                   const TeacherOutput& teacher, size_t part,
                   double teacher_temperature,
                   const ObjectiveOptions& options) {
  const VolumeSliceLogits& targets = teacher.logits.at(part);
  const auto& centers = teacher.centers.per_term;
  const VolumeSliceLogits student = logits_of(networks.student, views, options);
  PartLoss out;
  if (is_consistency(views, options)) {
    const auto terms = volume_slice_loss(
        student, targets, centers, options.student_temperature,
        teacher_temperature, options.cross_view_scale);
    out.total = terms[0] + terms[1] + terms[2] + terms[3];
    for (size_t i = 0; i < terms.size(); ++i) {
      out.terms.emplace_back(kVolumeSliceTerms[i], terms[i].detach());
    }
  } else {
    out.total = dino_loss(
        student_log_probabilities(student.volume, options.student_temperature),
        teacher_probabilities(targets.volume, centers[0], teacher_temperature),
        options.cross_view_scale);
    out.terms = {{views.dim() == 4 ? "image" : "volume", out.total.detach()}};
  }
  return out;
}

StepLoss step_loss(StudentTeacher& networks, const torch::Tensor& views,
                   const torch::Tensor& center, double teacher_temperature,
                   const ObjectiveOptions& options,
                   const MeanOverProcesses& mean) {
  const TeacherOutput teacher = teacher_output(
      networks, {views}, center, teacher_temperature, options, mean);
  auto [total, terms] =
      part_loss(networks, views, teacher, 0, teacher_temperature, options);
  return {std::move(total), std::move(terms), teacher.centers.next,
          teacher.diagnostics};
}

}  // namespace unimiss::ssl
