// Arbitrary bytes as a safetensors file: tensors and metadata, or a DataError,
// and never tensors larger than the file.
#include <cstdlib>

#include "fuzz/fuzz_file.h"
#include "unimiss/core/error.h"
#include "unimiss/io/tensor_archive.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const unimiss::testing::FuzzFile file("a.safetensors");
  const std::string& path = file.write(data, size);
  try {
    unimiss::io::load_metadata(path);
  } catch (const unimiss::DataError&) {
  }
  try {
    size_t bytes = 0;
    for (const auto& [name, tensor] : unimiss::io::load_tensors(path)) {
      bytes += tensor.nbytes();
    }
    if (bytes > size) std::abort();
  } catch (const unimiss::DataError&) {
  }
  return 0;
}
