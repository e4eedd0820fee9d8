#include "unimiss/task/task_spec.h"

#include <ATen/Functions.h>

namespace unimiss::task {
namespace {

/// An index a class that fits the voxels of a case.
constexpr size_t kMaxClasses = 256;

}  // namespace

void TaskOptions::check(Problems& problems) const {
  const augment::Target told = target;
  const bool label_map = told.is_segmentation() && told.is_exclusive();
  problems.distinct(classes, "task.classes");
  for (size_t i = 0; i < classes.size(); ++i) {
    problems.require(!classes[i].empty(), item_key("task.classes", i),
                     "is empty text; write a name");
  }
  problems.require(classes.size() <= kMaxClasses, "task.classes",
                   "holds more than 256 names");
  problems.require(
      classes.empty() || classes.size() >= 2 || !told.is_exclusive(),
      "task.classes",
      "holds a single name (nothing could be told apart); of a label_map the "
      "background is a class too",
      {"task.target"});
  problems.require(label_values.empty() || label_map, "task.label_values",
                   "are of a label_map", {"task.target"});
  problems.require(
      label_values.empty() || label_values.size() == classes.size(),
      "task.label_values",
      "must hold one value for each of task.classes (has " +
          std::to_string(label_values.size()) + " for " +
          std::to_string(classes.size()) + ")",
      {"task.classes"});
  problems.distinct(label_values, "task.label_values");
}

void CaseOptions::check(Problems& problems) const {
  problems.in_range(modalities, between(1, 64), "data.modalities");
  if (spacing) {
    problems.all_in_range(*spacing, greater_than(0), "data.spacing");
  }
  problems.all_in_range(size, between(1, 65536), "data.size");
  problems.check_group("data.normalization", normalization);
}

std::array<int64_t, 3> TaskSpec::patch() const {
  if (rank() == 3) return model.volume_size;
  return {1, model.image_size, model.image_size};
}

data::CaseDecodeOptions TaskSpec::decode_options() const {
  data::CaseDecodeOptions options;
  options.rank = rank();
  options.channels =
      options.rank == 2 ? model.image_channels : model.volume_channels;
  options.modalities = cases.modalities;
  options.target = target;
  options.classes = outputs();
  options.label_values = label_values;
  options.normalization = cases.normalization;
  options.spacing = cases.spacing;
  options.size = cases.size;
  options.labels = cases.label_interpolation;
  return options;
}

std::vector<std::string> TaskSpec::foreground() const {
  if (!target.is_segmentation()) return {};
  return {classes.begin() + target.background_classes(), classes.end()};
}

torch::Tensor TaskSpec::mask_of(int64_t index, const torch::Tensor& map) const {
  return target.is_exclusive() ? map.eq(index)
                               : map.bitwise_and(int64_t{1} << index).ne(0);
}

std::vector<torch::Tensor> TaskSpec::foreground_masks(
    const torch::Tensor& map) const {
  std::vector<torch::Tensor> masks;
  if (!target.is_segmentation()) return masks;
  for (int64_t k = target.background_classes(); k < outputs(); ++k) {
    masks.push_back(mask_of(k, map));
  }
  return masks;
}

}  // namespace unimiss::task
