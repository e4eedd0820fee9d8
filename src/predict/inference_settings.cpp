#include "predict/inference_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "unimiss/config/fields.h"
#include "unimiss/config/override.h"
#include "unimiss/core/error.h"

namespace unimiss::predict {
namespace {

/// The one group of a configuration that predictions may change.
struct InferenceGroup {
  eval::SlidingWindowOptions inference;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("inference", self.inference, "");
  }
};

/// Sets a value as an option says. Throws ConfigError where an override has set
/// it to another one.
template <class Value>
void set_by_option(const char* option, const char* key, const Value& given,
                   const config::Node& overrides, Value& value) {
  require(!config::place_of_key(overrides, key).written || value == given,
          option,
          fmt::format("is given, and so is {} with another value; leave one of "
                      "them out",
                      key));
  value = given;
}

}  // namespace

eval::SlidingWindowOptions inference_settings(
    const PredictionRequest& request, const eval::SlidingWindowOptions& trained,
    const std::vector<Axis>& mirrored, int rank) {
  config::Node overrides;
  for (const std::string& assignment : request.overrides) {
    config::apply_override(overrides, assignment);
  }
  InferenceGroup group{trained};
  config::read(overrides, group);
  eval::SlidingWindowOptions& inference = group.inference;
  // A training's axes may hold depth, which does nothing to its images.
  const bool names_depth =
      config::place_of_key(overrides, "inference.mirror").written &&
      std::find(inference.mirror.begin(), inference.mirror.end(),
                Axis::kDepth) != inference.mirror.end();
  require(rank == 3 || !names_depth, "inference.mirror",
          "holds depth, which images do not have");
  if (request.step) {
    set_by_option("--step", "inference.step", *request.step, overrides,
                  inference.step);
  }
  if (request.batch > 0) {
    set_by_option("--batch", "inference.batch", request.batch, overrides,
                  inference.batch);
  }
  if (request.mirror) {
    const bool on = *request.mirror == TestTimeMirror::kMirror;
    std::vector<Axis> given = on ? mirrored : std::vector<Axis>{};
    // Their order means nothing.
    for (auto* axes : {&given, &inference.mirror}) {
      std::sort(axes->begin(), axes->end());
    }
    set_by_option("--tta", "inference.mirror", given, overrides,
                  inference.mirror);
  }
  with_key_prefix("inference.", [&] { validate(inference); });
  return inference;
}

}  // namespace unimiss::predict
