#include "unimiss/ssl/objective.h"

#include <ATen/Functions.h>

#include "unimiss/ssl/volume_slice.h"

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

/// The centers of the loss terms whose means over the batch these are.
CenterPlan centers_of(const torch::Tensor& center,
                      std::vector<torch::Tensor> term_means,
                      const ObjectiveOptions& options,
                      const MeanOverProcesses& mean) {
  if (mean) {
    // At once: one message for all terms.
    torch::Tensor all = at::stack(term_means);
    mean(all);
    term_means = all.unbind();
  }
  return plan_centers(center, term_means, options.center_rule,
                      options.center_momentum);
}

/// Eq. 5: one loss between the two views, for images or volumes alone.
StepLoss cross_view_loss(StudentTeacher& networks, const torch::Tensor& views,
                         const torch::Tensor& center, double temperature,
                         const ObjectiveOptions& options,
                         const MeanOverProcesses& mean) {
  auto logits = [&](Network& network) {
    return network->head->logits(network->embed(views));
  };
  torch::Tensor teacher;
  {
    torch::NoGradGuard no_grad;
    teacher = logits(networks.teacher);
  }
  const CenterPlan centers =
      centers_of(center, {teacher.mean(0, /*keepdim=*/true)}, options, mean);
  const torch::Tensor targets =
      teacher_probabilities(teacher, centers.per_term[0], temperature);
  StepLoss out;
  out.total = dino_loss(student_log_probabilities(logits(networks.student),
                                                  options.student_temperature),
                        targets, options.cross_view_scale);
  out.terms = {{views.dim() == 4 ? "image" : "volume", out.total.detach()}};
  out.next_center = centers.next;
  out.teacher_entropy = mean_entropy(targets);
  return out;
}

/// Eq. 6.
StepLoss consistency_loss(StudentTeacher& networks, const torch::Tensor& views,
                          const torch::Tensor& center, double temperature,
                          const ObjectiveOptions& options,
                          const MeanOverProcesses& mean) {
  VolumeSliceLogits teacher;
  {
    torch::NoGradGuard no_grad;
    teacher = volume_slice_logits(networks.teacher, views);
  }
  const CenterPlan centers =
      centers_of(center, volume_slice_means(teacher), options, mean);
  const auto terms = volume_slice_loss(
      volume_slice_logits(networks.student, views), teacher, centers.per_term,
      options.student_temperature, temperature, options.cross_view_scale);
  StepLoss out;
  out.total = terms[0] + terms[1] + terms[2] + terms[3];
  for (size_t i = 0; i < terms.size(); ++i) {
    out.terms.emplace_back(kVolumeSliceTerms[i], terms[i].detach());
  }
  out.next_center = centers.next;
  out.teacher_entropy = mean_entropy(at::cat(
      {teacher_probabilities(teacher.volume, centers.per_term[0], temperature),
       teacher_probabilities(teacher.slices, centers.per_term[2],
                             temperature)}));
  return out;
}

}  // namespace

void ObjectiveOptions::check(Problems& problems) const {
  problems.in_range(student_temperature, greater_than(0),
                    "loss.student_temperature");
  problems.in_range(teacher_temperature, greater_than(0),
                    "loss.teacher_temperature");
  problems.in_range(center_momentum, from_below(0, 1), "loss.center_momentum");
}

StepLoss step_loss(StudentTeacher& networks, const torch::Tensor& views,
                   const torch::Tensor& center, double teacher_temperature,
                   const ObjectiveOptions& options,
                   const MeanOverProcesses& mean) {
  const bool consistency =
      views.dim() == 5 && options.volume_slice == VolumeSlice::kOn;
  return consistency ? consistency_loss(networks, views, center,
                                        teacher_temperature, options, mean)
                     : cross_view_loss(networks, views, center,
                                       teacher_temperature, options, mean);
}

}  // namespace unimiss::ssl
