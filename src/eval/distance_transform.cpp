#include "eval/distance_transform.h"

#include <cmath>
#include <limits>

namespace unimiss::eval {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

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

/// Transforms a line in place.
void transform_line(double* line, int64_t count, int64_t stride, double spacing,
                    std::vector<Parabola>& envelope) {
  const double squared_spacing = spacing * spacing;
  find_envelope(line, count, stride, squared_spacing, envelope);
  if (envelope.empty()) return;
  follow_envelope(envelope, count, stride, squared_spacing, line);
}

}  // namespace

std::vector<double> nearest_distances(const std::vector<int64_t>& from,
                                      const std::vector<int64_t>& to,
                                      const Extents& extents,
                                      const Spacing& spacing) {
  std::vector<double> distances(from.size(), kInfinity);
  if (from.empty() || to.empty()) return distances;
  const auto [depth, height, width] = extents;
  const int64_t slice = height * width;
  std::vector<double> squared(depth * slice, kInfinity);
  std::vector<uint8_t> has_target(depth, 0), has_query(slice, 0);
  for (const int64_t i : to) {
    squared[i] = 0;
    has_target[i / slice] = 1;
  }
  for (const int64_t i : from) has_query[i % slice] = 1;

  std::vector<Parabola> envelope;
  for (int64_t z = 0; z < depth; ++z) {
    if (has_target[z] == 0) continue;
    double* first = squared.data() + z * slice;
    for (int64_t y = 0; y < height; ++y) {
      transform_line(first + y * width, width, 1, spacing[2], envelope);
    }
    for (int64_t x = 0; x < width; ++x) {
      transform_line(first + x, height, width, spacing[1], envelope);
    }
  }
  for (int64_t i = 0; i < slice; ++i) {
    if (has_query[i] == 0) continue;
    transform_line(squared.data() + i, depth, slice, spacing[0], envelope);
  }
  for (size_t i = 0; i < from.size(); ++i) {
    distances[i] = std::sqrt(squared[from[i]]);
  }
  return distances;
}

}  // namespace unimiss::eval
