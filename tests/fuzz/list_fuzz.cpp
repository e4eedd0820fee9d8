// Arbitrary bytes as a list: its entries, or a DataError. The first byte
// chooses what is expected behind the path.
#include "fuzz/fuzz_file.h"
#include "unimiss/core/error.h"
#include "unimiss/data/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace unimiss::data;
  static const unimiss::testing::FuzzFile list("list.txt");
  static const bool prepared = [] {
    for (const char* name : {"a", "b.png", "c d", "m"}) {
      std::ofstream(list.folder() + "/" + name) << "x";
    }
    return true;
  }();
  if (!prepared || size == 0) return 0;
  ManifestOptions options;
  options.target = static_cast<ManifestTarget>(data[0] % 3);
  options.paths = static_cast<ManifestPaths>(data[0] / 3 % 2);
  options.classes = data[0] / 6 % 4;
  if (data[0] / 24 % 2 == 1) options.split = "train";
  if (data[0] / 48 % 2 == 1) {
    options.images = 2;
    options.masks = 2;
    options.names = {"lung", "1"};
    options.classes = 2;
    if (data[0] / 96 % 2 == 1) options.target = ManifestTarget::kLabels;
  }
  try {
    read_manifest(list.write(data + 1, size - 1), options);
  } catch (const unimiss::DataError&) {
  }
  return 0;
}
