// A program of somebody else's: uses a header and a symbol of each kind of
// library, with its outside dependencies (yaml-cpp, OpenCV, ITK, LibTorch).
#include <unimiss/config/fields.h>
#include <unimiss/core/random.h>
#include <unimiss/draw/figure.h>
#include <unimiss/io/volume.h>

#include <iostream>

struct Options {
  double rate = 0.5;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("rate", self.rate, "learning rate");
  }
};

int main() {
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
