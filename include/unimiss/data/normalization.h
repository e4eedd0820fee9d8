#pragma once

#include <torch/types.h>

#include <array>
#include <optional>
#include <utility>

#include "unimiss/core/fields.h"

namespace unimiss::data {

/// What a unit of a normalised intensity is.
enum class NormalizationRule {
  kWindow,  ///< (x clipped to the window - mean) / deviation, e.g. of HU
  kZScore,  ///< (x - mean) / deviation of the case
  /// The same of the values that are not 0; those that are stay 0.
  kZScoreForeground,
  kPercentiles,  ///< clipped to two percentiles of the case, then kZScore
  kUnit,         ///< 0 to 1: of images by their bits, of volumes by their range
};

struct NormalizationOptions {
  NormalizationRule rule = NormalizationRule::kZScore;
  std::array<double, 2> window{-1024, 325};
  double mean = 0;
  double deviation = 1;
  std::array<double, 2> percentiles{0.5, 99.5};

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("rule", self.rule,
          "window: clip, minus mean, divided by deviation; z_score, "
          "z_score_foreground (without what is 0), percentiles (clip to them, "
          "then z_score): of each case; unit: 0 to 1");
    visit("window", self.window,
          "least and largest intensity that window keeps");
    visit("mean", self.mean, "what window subtracts then");
    visit("deviation", self.deviation,
          "what window divides by then, greater than 0");
    visit("percentiles", self.percentiles,
          "least and largest percentile that percentiles keeps, in [0, 100]");
  }
  void check(Problems& problems) const;
  bool operator==(const NormalizationOptions&) const = default;
};

/// Normalises the intensities of a case, float32 [C, D, H, W], contiguous and
/// finite, in place, on the calling thread. Channels by themselves; the three
/// colours of an image together. Deviations are the population's. Where the
/// values set their own unit and have no contrast, the result is 0.
///
/// together: how many consecutive channels share their statistics. unit_range:
/// what kUnit brings to 0 and 1 where it is not the range of the values (of an
/// image 0 and 255 or 65535); none: their range.
/// Other shapes and kinds are a bug of the caller's.
void normalize_(torch::Tensor& image, const NormalizationOptions& options,
                int64_t together,
                const std::optional<std::array<double, 2>>& unit_range);

}  // namespace unimiss::data

template <>
struct unimiss::EnumNames<unimiss::data::NormalizationRule> {
  using Rule = unimiss::data::NormalizationRule;
  static constexpr std::array kNames{
      std::pair{Rule::kWindow, "window"}, std::pair{Rule::kZScore, "z_score"},
      std::pair{Rule::kZScoreForeground, "z_score_foreground"},
      std::pair{Rule::kPercentiles, "percentiles"},
      std::pair{Rule::kUnit, "unit"}};
};
