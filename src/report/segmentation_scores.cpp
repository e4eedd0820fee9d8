#include "report/segmentation_scores.h"

#include <ATen/Functions.h>

#include <cmath>

#include "unimiss/data/labels.h"
#include "unimiss/eval/segmentation_metrics.h"
#include "unimiss/eval/surface_distance.h"

namespace unimiss::report {
namespace {

using Distance = std::optional<double>;

/// Reads the maps of a case onto one grid, that of the first file.
class MapReader {
 public:
  MapReader(int rank, const PredictedTask& task)
      : rank_(rank),
        relation_(task.target.relation()),
        labels_{static_cast<int64_t>(task.classes.size()), task.label_values} {}

  const io::Volume& grid() const { return grid_; }

  /// int16 [D, H, W]: classes, or structures as bits. `other` stands for the
  /// first file in messages.
  torch::Tensor read(const std::vector<std::string>& files,
                     const std::string& other) {
    torch::Tensor map;
    for (size_t i = 0; i < files.size(); ++i) {
      io::Volume file = data::read_label_file(files[i], rank_);
      keep_or_check(files[i], file, other);
      if (relation_ == ClassRelation::kExclusive) {
        return data::label_classes(files[i], file.voxels, labels_);
      }
      const torch::Tensor mask =
          data::structure_mask(files[i], file.voxels).mul_(int64_t{1} << i);
      map = map.defined() ? map.bitwise_or_(mask) : mask;
    }
    return map;
  }

 private:
  void keep_or_check(const std::string& path, const io::Volume& file,
                     const std::string& other) {
    if (grid_.voxels.defined()) {
      return data::check_geometry(path, grid_, file, other);
    }
    grid_ = file;
    // Its size without its memory.
    grid_.voxels = at::zeros({1}).expand(file.voxels.sizes());
  }

  const int rank_;
  const ClassRelation relation_;
  const data::LabelValues labels_;
  io::Volume grid_;
};

/// Prediction and reference of a case.
struct MapsOfCase {
  torch::Tensor prediction, reference;  ///< int16 [(D,) H, W]
  std::vector<double> spacing;          ///< mm, as many
  double diagonal = 0;                  ///< of the image, mm
};

MapsOfCase read_maps(const MapPair& pair, int rank, const PredictedTask& task,
                     const EvaluationRequest& request) {
  MapReader reader(rank, task);
  MapsOfCase maps;
  std::string problems;
  const auto attempt = [&](const auto& work) {
    try {
      work();
    } catch (const Error& error) {
      if (!problems.empty()) problems += "; ";
      problems += error.what();
    }
  };
  attempt([&] {
    maps.reference = reader.read(pair.references, "the case's other mask");
  });
  attempt([&] {
    const bool known = reader.grid().voxels.defined();
    maps.prediction = reader.read(
        pair.predictions, known ? "its reference" : "the case's other mask");
  });
  if (!problems.empty()) throw DataError(problems);
  const auto& spacing = reader.grid().spacing;
  maps.spacing = {spacing.begin(), spacing.end()};
  if (rank == 2) {
    maps.reference = maps.reference.squeeze(0);
    maps.prediction = maps.prediction.squeeze(0);
    const auto& given = request.pixel_spacing;
    maps.spacing = given.empty() ? std::vector<double>{1, 1}
                                 : std::vector{given.front(), given.back()};
  }
  for (size_t axis = 0; axis < maps.spacing.size(); ++axis) {
    maps.diagonal =
        std::hypot(maps.diagonal,
                   maps.spacing[axis] * static_cast<double>(maps.reference.size(
                                            static_cast<int64_t>(axis))));
  }
  return maps;
}

/// All numbers of a class; `missing`: see ScoredCase.
NamedValues all_values(const eval::OverlapCounts& counts,
                       const eval::SurfaceDistances& distances,
                       const MapsOfCase& maps, bool missing,
                       const EvaluationRequest& request) {
  const auto finite = [&](const Distance& distance) {
    if (!missing) return distance;
    return request.missing == MissingRule::kDiagonal ? Distance(maps.diagonal)
                                                     : std::nullopt;
  };
  const eval::ClassVolumes volumes = eval::class_volumes(counts, maps.spacing);
  Distance difference, error;
  if (counts.n_pred() + counts.n_ref() > 0) difference = volumes.difference();
  if (counts.n_ref() > 0) error = std::abs(*volumes.relative_difference());
  NamedValues values = overlap_values(counts);
  const NamedValues further{
      {"HD", finite(eval::hausdorff_distance(distances))},
      {"HD95", finite(eval::hausdorff_distance_95(distances))},
      {"ASSD", finite(eval::average_surface_distance(distances))},
      {"NSD", eval::surface_dice(distances, request.tolerance)},
      {"VolumeDifference", difference},
      {"RelativeVolumeError", error}};
  values.insert(values.end(), further.begin(), further.end());
  return values;
}

}  // namespace

ScoredCase score_case(const MapPair& pair, int rank, const PredictedTask& task,
                      const EvaluationRequest& request) {
  const MapsOfCase maps = read_maps(pair, rank, task, request);
  const auto classes = static_cast<int64_t>(task.classes.size());
  const ClassRelation relation = task.target.relation();
  ScoredCase scored;
  auto& result = scored.result;
  result.id = pair.id;
  result.reference = pair.references.front();
  result.prediction = pair.predictions.front();
  const auto overlap =
      eval::map_overlap(maps.prediction, maps.reference, classes, relation);
  const auto distances = eval::map_surface_distances(
      maps.prediction, maps.reference, classes, relation, maps.spacing);
  for (size_t k = 0; k < overlap.size(); ++k) {
    const eval::OverlapCounts& counts = overlap[k];
    const bool missing = (counts.n_pred() == 0) != (counts.n_ref() == 0);
    scored.missing.push_back(missing);
    result.classes.push_back(
        all_values(counts, distances[k], maps, missing, request));
  }
  return scored;
}

}  // namespace unimiss::report
