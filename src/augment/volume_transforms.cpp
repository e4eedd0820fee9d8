#include "unimiss/augment/volume_transforms.h"

#include <algorithm>

#include "unimiss/augment/stage_times.h"

namespace unimiss::augment {
namespace {

/// From [low, 1) or [1, high), equally likely.
double draw_about_one(const std::array<double, 2>& range, Random& random) {
  return random.chance(0.5) ? random.uniform(range[0], 1)
                            : random.uniform(1, range[1]);
}

/// What is drawn once for a view: whether and how strongly its parts may
/// change.
struct ViewDraws {
  double noise_sigma;
  bool blur, brightness, offset, gamma;

  ViewDraws(int number, const VolumeTransformOptions& options, Random& random)
      : noise_sigma(random.uniform(0, options.noise_sigma)),
        blur(random.chance(options.blur_probability)),
        brightness(random.chance(options.brightness_probability[number])),
        offset(random.chance(options.offset_probability[number])),
        gamma(random.chance(options.gamma_probability[number])) {}
};

void apply_(IntensityChange change, torch::Tensor& part, int number,
            const ViewDraws& draws, const VolumeTransformOptions& options,
            Random& random) {
  switch (change) {
    case IntensityChange::kNoise: {
      const StageTimer timer(Stage::kNoise);
      return add_noise_(part, draws.noise_sigma, random);
    }
    case IntensityChange::kBlur: {
      const StageTimer timer(Stage::kBlur);
      if (draws.blur && random.chance(options.blur_draw_probability[number])) {
        blur_slices_(
            part, random.uniform(options.blur_sigma[0], options.blur_sigma[1]));
      }
      return;
    }
    case IntensityChange::kBrightness: {
      const StageTimer timer(Stage::kIntensity);
      if (draws.brightness) {
        scale_intensity_(
            part, random.uniform(options.brightness[0], options.brightness[1]));
      }
      return;
    }
    case IntensityChange::kOffset: {
      const StageTimer timer(Stage::kIntensity);
      if (draws.offset && random.chance(options.offset_draw_probability)) {
        shift_intensity_(part, options.offset_sigma * random.normal());
      }
      return;
    }
    case IntensityChange::kContrast: {
      const StageTimer timer(Stage::kIntensity);
      return adjust_contrast_range_(part,
                                    draw_about_one(options.contrast, random));
    }
    case IntensityChange::kGamma: {
      const StageTimer timer(Stage::kIntensity);
      if (draws.gamma) {
        adjust_gamma_(part, draw_about_one(options.gamma, random),
                      options.gamma_rule);
      }
      return;
    }
  }
}

/// The changes in their order, drawn once for each of the parts: the whole
/// volume, or its slices.
void change_intensities_(torch::Tensor& volume, int number,
                         const VolumeTransformOptions& options,
                         Random& random) {
  const ViewDraws draws(number, options, random);
  const bool slices = options.draw_rule == DrawRule::kPerSlice;
  const int64_t thickness = slices ? 1 : volume.size(0);
  for (int64_t z = 0; z < volume.size(0); z += thickness) {
    auto part = volume.narrow(0, z, thickness);
    for (const IntensityChange change : options.order) {
      apply_(change, part, number, draws, options, random);
    }
  }
}

}  // namespace

VolumeTransformOptions VolumeTransformOptions::official() {
  VolumeTransformOptions options;
  options.crop_rule = CropRule::kCentral;
  options.padding_hu = 0;
  options.mirror_probability = 0.8;
  options.draw_rule = DrawRule::kPerSlice;
  options.gamma_rule = GammaRule::kStd;
  return options;
}

void VolumeTransformOptions::check(Problems& problems) const {
  const Range probability = between(0, 1);
  const auto around_one = [&](const std::array<double, 2>& range,
                              const std::string& key) {
    problems.in_range(range[0], from_above(0, 1), item_key(key, 0));
    problems.in_range(range[1], at_least(1), item_key(key, 1));
  };
  problems.all_in_range(volume_size, at_least(1), "volume_size");
  problems.distinct(order, "order");
  problems.require(common_depth >= volume_size[0], "common_depth",
                   "must be at least " + number_text(volume_size[0]) +
                       ", the depth of a view (is " +
                       number_text(common_depth) + ")",
                   {"volume_size"});
  problems.ordered(common_scale, greater_than(0), "common_scale");
  problems.ordered(view_scale, greater_than(0), "view_scale");
  problems.in_range(padding_hu, between(-32767, 32767), "padding_hu");
  problems.in_range(mirror_probability, probability, "mirror_probability");
  problems.in_range(noise_sigma, at_least(0), "noise_sigma");
  problems.in_range(blur_probability, probability, "blur_probability");
  problems.all_in_range(blur_draw_probability, probability,
                        "blur_draw_probability");
  problems.ordered(blur_sigma, greater_than(0), "blur_sigma");
  problems.all_in_range(brightness_probability, probability,
                        "brightness_probability");
  problems.ordered(brightness, greater_than(0), "brightness");
  problems.all_in_range(offset_probability, probability, "offset_probability");
  problems.in_range(offset_draw_probability, probability,
                    "offset_draw_probability");
  problems.in_range(offset_sigma, at_least(0), "offset_sigma");
  around_one(contrast, "contrast");
  problems.all_in_range(gamma_probability, probability, "gamma_probability");
  around_one(gamma, "gamma");
}

VolumeWindow draw_common_window(const std::array<int64_t, 3>& volume,
                                const VolumeTransformOptions& options,
                                Random& random) {
  constexpr int64_t kPaddedExtent = 256;
  const bool central = options.crop_rule == CropRule::kCentral;
  VolumeWindow window;
  for (int axis = 0; axis < 3; ++axis) {
    int64_t extent = volume[axis];
    int64_t wanted = options.common_depth;
    if (axis > 0) {
      const auto size = static_cast<double>(options.volume_size[axis]);
      wanted =
          static_cast<int64_t>(size * random.uniform(options.common_scale[0],
                                                     options.common_scale[1]));
      if (central) {
        extent = std::max(extent, kPaddedExtent);
        if (wanted > extent) wanted = options.volume_size[axis];
      }
    }
    const int64_t room = extent - wanted;
    window.extent[axis] = wanted;
    if (room >= 0) {
      window.start[axis] = random.integer(room + 1);
    } else {
      // Too large: padding on both sides, or at the end.
      window.start[axis] = central ? 0 : room / 2;
    }
  }
  return window;
}

VolumeWindow draw_view_window(const VolumeWindow& common,
                              const VolumeTransformOptions& options,
                              Random& random) {
  VolumeWindow window;
  for (int axis = 0; axis < 3; ++axis) {
    int64_t extent = options.volume_size[axis];
    if (axis > 0) {
      extent = static_cast<int64_t>(
          static_cast<double>(extent) *
          random.uniform(options.view_scale[0], options.view_scale[1]));
    }
    extent = std::clamp<int64_t>(extent, 1, common.extent[axis]);
    window.extent[axis] = extent;
    window.start[axis] =
        common.start[axis] + random.integer(common.extent[axis] - extent + 1);
  }
  return window;
}

Sample augment_volume(const torch::Tensor& hu,
                      const VolumeTransformOptions& options, Random& random) {
  TORCH_CHECK(
      hu.dim() == 3 && hu.is_contiguous() && hu.scalar_type() == torch::kInt16,
      "augment_volume: a volume is int16 [D, H, W] and contiguous");
  const torch::Tensor region =
      options.crop_rule == CropRule::kCentral ? central_region(hu) : hu;
  const VolumeWindow common = draw_common_window(
      {region.size(0), region.size(1), region.size(2)}, options, random);
  const auto view = [&](int number) {
    Random own = random.fork(number + 1);
    const VolumeWindow window = draw_view_window(common, options, own);
    std::array<bool, 3> mirror;
    for (bool& axis : mirror) axis = own.chance(options.mirror_probability);
    auto volume = resized_crop(region, window, options.volume_size, mirror,
                               options.padding_hu);
    change_intensities_(volume, number, options, own);
    return volume.unsqueeze(0);
  };
  auto first = view(0);
  auto second = view(1);
  return {{std::move(first), std::move(second)}, {}};
}

}  // namespace unimiss::augment
