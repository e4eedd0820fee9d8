#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace unimiss::testing {

/// The bytes of a NIfTI-1 file, for tests that damage them: an int16 volume of
/// w x h x d voxels of 2 mm, valued by their index, with identity orientation.
inline std::string nifti_bytes(int16_t w, int16_t h, int16_t d) {
  std::string bytes(352, '\0');
  const auto put = [&](size_t at, auto value) {
    std::memcpy(&bytes[at], &value, sizeof(value));
  };
  put(0, int32_t{348});
  const int16_t dims[8] = {3, w, h, d, 1, 1, 1, 1};
  for (int i = 0; i < 8; ++i) put(40 + 2 * i, dims[i]);
  put(70, int16_t{4});
  put(72, int16_t{16});
  for (int i = 0; i < 4; ++i) put(76 + 4 * i, i ? 2.0f : 1.0f);
  put(108, 352.0f);
  put(123, char{2});
  std::memcpy(&bytes[344], "n+1", 4);
  for (int i = 0; i < w * h * d; ++i) {
    const auto value = static_cast<int16_t>(i);
    bytes.append(reinterpret_cast<const char*>(&value), 2);
  }
  return bytes;
}

/// The same bytes with a value written over them.
template <class T>
std::string patched(std::string bytes, size_t at, T value) {
  bytes.replace(at, sizeof(value), reinterpret_cast<const char*>(&value),
                sizeof(value));
  return bytes;
}

}  // namespace unimiss::testing
