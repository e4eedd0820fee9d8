#include "unimiss/data/labeled_dataset.h"

#include <algorithm>
#include <utility>

#include "data/named_stage.h"
#include "unimiss/core/random.h"

namespace unimiss::data {
namespace {

using Place = std::array<int32_t, 3>;
constexpr size_t kPlaces = 1000;

/// Keeps a uniform choice of up to kPlaces of all places offered.
class Reservoir {
 public:
  void offer(const Place& place, Random& random) {
    ++offered_;
    if (places_.size() < kPlaces) {
      places_.push_back(place);
    } else if (const int64_t at = random.integer(offered_);
               at < static_cast<int64_t>(kPlaces)) {
      places_[at] = place;
    }
  }
  std::vector<Place> take() { return std::move(places_); }
  bool empty() const { return places_.empty(); }

 private:
  std::vector<Place> places_;
  int64_t offered_ = 0;
};

/// Of a label map all classes but the background, of structures each bit.
std::vector<std::vector<Place>> find_places(const torch::Tensor& map,
                                            augment::Target target,
                                            int64_t classes, uint64_t seed) {
  Random random({seed});
  std::vector<Reservoir> found(classes);
  const auto* value = map.data_ptr<int16_t>();
  for (int32_t z = 0; z < map.size(0); ++z) {
    for (int32_t y = 0; y < map.size(1); ++y) {
      for (int32_t x = 0; x < map.size(2); ++x, ++value) {
        if (*value == 0) continue;
        if (target.is_exclusive()) {
          found.at(*value).offer({z, y, x}, random);
          continue;
        }
        for (int64_t k = 0; k < classes; ++k) {
          if (*value >> k & 1) found[k].offer({z, y, x}, random);
        }
      }
    }
  }
  std::vector<std::vector<Place>> places;
  for (Reservoir& reservoir : found) {
    if (!reservoir.empty()) places.push_back(reservoir.take());
  }
  return places;
}

}  // namespace

std::vector<float> padding_of(const augment::CaseVoxels& voxels) {
  std::vector<float> padding;
  for (int64_t channel = 0; channel < voxels.image.size(0); ++channel) {
    const torch::Tensor plane = voxels.image[channel];
    const auto* begin = plane.data_ptr<int16_t>();
    padding.push_back(
        static_cast<float>(*std::min_element(begin, begin + plane.numel()) /
                           augment::kIntensitySteps));
  }
  return padding;
}

LabeledDataset::LabeledDataset(std::vector<augment::Case> cases, Voxels voxels,
                               const PatchSampling& sampling)
    : cases_(std::move(cases)),
      voxels_(std::move(voxels)),
      sampling_(sampling) {
  TORCH_CHECK(
      (sampling.rank == 3 || (sampling.rank == 2 && sampling.size[0] == 1)) &&
          *std::min_element(sampling.size.begin(), sampling.size.end()) >= 1,
      "LabelledDataset: a patch is D, H, W of at least 1, in 2D with D = 1");
  for (size_t i = 0; i < cases_.size(); ++i) {
    facts_.push_back(std::make_unique<Facts>());
  }
}

std::string LabeledDataset::source(int64_t index) const {
  return cases_.at(index).images.front();
}

const LabeledDataset::Facts& LabeledDataset::facts_of(
    int64_t index, const augment::CaseVoxels& voxels) const {
  Facts& facts = *facts_[index];
  std::call_once(facts.once, [&] {
    facts.padding = padding_of(voxels);
    if (sampling_.target.is_segmentation() && sampling_.foreground > 0) {
      facts.places = find_places(voxels.map, sampling_.target,
                                 sampling_.classes, fnv1a64(cases_[index].id));
    }
  });
  return facts;
}

/// The middle of the patch, in voxels of the case: a place of a class, or
/// anywhere; in either case the patch reaches outside only where the case is
/// smaller than it.
std::array<double, 3> LabeledDataset::draw_center(
    const augment::CaseVoxels& voxels, const Facts& facts,
    Random& random) const {
  const bool forced =
      !facts.places.empty() && random.chance(sampling_.foreground);
  Place place{};
  if (forced) {
    const auto& of_class =
        facts.places[random.integer(static_cast<int64_t>(facts.places.size()))];
    place = of_class[random.integer(static_cast<int64_t>(of_class.size()))];
  }
  std::array<double, 3> center{};
  for (int axis = 0; axis < 3; ++axis) {
    const int64_t extent = voxels.image.size(axis + 1);
    const int64_t room = extent - sampling_.size[axis];
    int64_t start = room / 2;
    if (room > 0) {
      start = forced ? std::clamp<int64_t>(
                           place[axis] - sampling_.size[axis] / 2, 0, room)
                     : random.integer(room + 1);
    }
    center[axis] = static_cast<double>(start) +
                   static_cast<double>(sampling_.size[axis] - 1) / 2;
  }
  return center;
}

torch::Tensor LabeledDataset::target_of(int64_t index,
                                        const augment::Patch& patch) const {
  const augment::Case& from = cases_[index];
  if (sampling_.target.is_segmentation()) {
    return sampling_.rank == 2 ? patch.map.squeeze(0) : patch.map;
  }
  if (sampling_.target.is_exclusive()) {
    auto label = torch::empty({}, torch::kInt64);
    *label.data_ptr<int64_t>() = from.labels.at(0);
    return label;
  }
  auto labels = torch::empty({sampling_.classes}, torch::kFloat);
  auto* to = labels.data_ptr<float>();
  std::fill_n(to, sampling_.classes, 0.0f);
  for (const int64_t label : from.labels) {
    TORCH_CHECK(label >= 0 && label < sampling_.classes, "no class ", label);
    to[label] = 1;
  }
  return labels;
}

augment::Sample LabeledDataset::sample(int64_t index, Random& random) const {
  TORCH_CHECK(index >= 0 && index < size(), "no sample ", index);
  const std::string file = source(index);
  const augment::CaseVoxels voxels =
      run_stage("decoding", file, [&] { return voxels_(index); });
  TORCH_CHECK(voxels.map.defined() == sampling_.target.is_segmentation(), file,
              ": segmentation needs a label map, and nothing else has one");
  return run_stage("augmentation", file, [&]() -> augment::Sample {
    const Facts& facts = facts_of(index, voxels);
    const auto center = draw_center(voxels, facts, random);
    const augment::SpatialMap map = augment::draw_spatial_map(
        sampling_.spatial, sampling_.size, voxels.spacing, center, random);
    augment::Patch patch =
        augment::resample_patch(voxels, map, sampling_.size, facts.padding,
                                sampling_.labels, sampling_.target);
    augment::change_intensities_(patch.image, sampling_.intensity, random);
    torch::Tensor target = target_of(index, patch);
    return {{sampling_.rank == 2 ? patch.image.squeeze(1) : patch.image},
            std::move(target)};
  });
}

}  // namespace unimiss::data
