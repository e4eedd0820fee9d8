// A program of somebody else's: uses a header and a symbol of each kind of
// library, with its outside dependencies (yaml-cpp, OpenCV, ITK, LibTorch).
#include <unimiss/config/fields.h>
#include <unimiss/core/random.h>
#include <unimiss/draw/curves.h>
#include <unimiss/io/volume.h>

#include <iostream>
#include <string>

struct Options {
  double rate = 0.5;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("rate", self.rate, "learning rate");
  }
};

/// Whether nearly all labels of two maps agree: roundings differ from CPU to
/// CPU.
bool agree(const std::string& one, const std::string& other) {
  return unimiss::io::read_volume(one)
             .voxels.eq(unimiss::io::read_volume(other).voxels)
             .to(torch::kDouble)
             .mean()
             .item<double>() > 0.99;
}

int main(int count, char** maps) {
  if (count == 3) return agree(maps[1], maps[2]) ? 0 : 1;
  Options options;
  unimiss::config::read(unimiss::config::parse_yaml("rate: 0.25", "text"),
                        options);
  const auto canvas =
      unimiss::draw::draw_curves({{"loss", {0, 1}, {1, 0}}}, {});
  try {
    unimiss::io::read_volume("no such file.nii.gz");
    return 1;
  } catch (const unimiss::DataError&) {
  }
  std::cout << "rate " << options.rate << ", canvas " << canvas.sizes() << "\n";
  return options.rate == 0.25 && canvas.size(0) == 3 ? 0 : 1;
}
