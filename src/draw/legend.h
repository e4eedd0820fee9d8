#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

/// The colours of classes, and a canvas (draw/figure.h) that tells of them.
namespace unimiss::draw {

/// The colour of number k of the classes of a map, red, green and blue in
/// [0, 1]; there are ten, which repeat.
std::array<float, 3> class_color(int64_t k);

/// What the colours mean: item i is drawn in class_color(i).
torch::Tensor draw_legend(const std::vector<std::string>& names, int64_t width);

}  // namespace unimiss::draw
