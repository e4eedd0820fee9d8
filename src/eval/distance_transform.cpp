#include "eval/distance_transform.h"

#include <cstddef>
#include <limits>

namespace unimiss::eval {
namespace {

/// A parabola of a line's lower envelope, in voxels along the line.
struct Parabola {
  double at;      ///< where its lowest point is
  double height;  ///< of its lowest point, in squared units of the spacing
  double from;    ///< where the envelope begins to follow it
};

/// The lower envelope of the finite values of a line; `count` values, each
/// `stride` after the one before. Empty if none is finite.
void find_envelope(const double* line, int64_t count, int64_t stride,
                   double squared_spacing, std::vector<Parabola>& envelope) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  envelope.clear();
  for (int64_t i = 0; i < count; ++i) {
    const double height = line[i * stride];
    if (height == kInfinity) continue;
    const auto at = static_cast<double>(i);
    double from = -kInfinity;
    while (!envelope.empty()) {
      const Parabola& last = envelope.back();
      from = ((height - last.height) / (squared_spacing * (at - last.at)) + at +
              last.at) /
             2;
      if (from > last.from) break;
      envelope.pop_back();  // never the lowest
      from = -kInfinity;
    }
    envelope.push_back({at, height, from});
  }
}

void follow_envelope(const std::vector<Parabola>& envelope, int64_t count,
                     int64_t stride, double squared_spacing, double* line) {
  const Parabola* parabola = envelope.data();
  const Parabola* const last = parabola + envelope.size() - 1;
  for (int64_t i = 0; i < count; ++i) {
    const auto at = static_cast<double>(i);
    while (parabola < last && parabola[1].from < at) ++parabola;
    const double offset = at - parabola->at;
    line[i * stride] = parabola->height + squared_spacing * offset * offset;
  }
}

}  // namespace

void transform_to_squared_distances(std::vector<double>& values,
                                    const Extents& extents,
                                    const Spacing& spacing) {
  std::vector<Parabola> envelope;
  const auto voxels = static_cast<int64_t>(values.size());
  int64_t stride = 1;
  for (size_t axis = extents.size(); axis-- > 0;) {
    const int64_t count = extents[axis];
    const double squared_spacing = spacing[axis] * spacing[axis];
    for (int64_t block = 0; block < voxels; block += count * stride) {
      for (int64_t first = block; first < block + stride; ++first) {
        double* line = values.data() + first;
        find_envelope(line, count, stride, squared_spacing, envelope);
        if (envelope.empty()) continue;
        follow_envelope(envelope, count, stride, squared_spacing, line);
      }
    }
    stride *= count;
  }
}

}  // namespace unimiss::eval
