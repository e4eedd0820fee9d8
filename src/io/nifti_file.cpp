#include "io/nifti_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <fstream>
#include <utility>
#include <vector>

#include "io/file_bytes.h"
#include "unimiss/core/error.h"

namespace unimiss::io {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr size_t kHeaderBytes = 348;

/// Fields of a NIfTI-1 header by byte offset, in the file's byte order.
class Header {
 public:
  Header(const Bytes& bytes, bool swapped) : bytes_(bytes), swapped_(swapped) {}

  int16_t int16_at(size_t offset) const { return load<int16_t>(offset); }
  float float_at(size_t offset) const { return load<float>(offset); }

 private:
  template <class T>
  T load(size_t offset) const {
    std::array<uint8_t, sizeof(T)> raw;
    std::memcpy(raw.data(), bytes_.data() + offset, sizeof(T));
    if (swapped_) std::reverse(raw.begin(), raw.end());
    T value;
    std::memcpy(&value, raw.data(), sizeof(T));
    return value;
  }

  const Bytes& bytes_;
  bool swapped_;
};

/// The byte order, from the size of the header that every NIfTI begins with.
bool is_swapped(const std::string& path, const Bytes& bytes) {
  if (bytes.size() < kHeaderBytes) {
    throw_damaged(
        path, fmt::format("{} bytes are fewer than the {} of a NIfTI header",
                          bytes.size(), kHeaderBytes));
  }
  const uint32_t size = little_endian32(bytes.data());
  constexpr uint32_t kNifti2 = 540;
  if (size == kNifti2 || __builtin_bswap32(size) == kNifti2) {
    throw DataError(path, "NIfTI-2 is not supported; save it as NIfTI-1");
  }
  if (size != kHeaderBytes && __builtin_bswap32(size) != kHeaderBytes) {
    throw_damaged(path, "not a NIfTI file (its first word is not 348)");
  }
  return size != kHeaderBytes;
}

c10::ScalarType voxel_type(const std::string& path, const Header& header) {
  constexpr std::array<std::pair<int16_t, c10::ScalarType>, 10> kScalars{
      {{2, torch::kUInt8},
       {4, torch::kInt16},
       {8, torch::kInt32},
       {16, torch::kFloat32},
       {64, torch::kFloat64},
       {256, torch::kInt8},
       {512, torch::kUInt16},
       {768, torch::kUInt32},
       {1024, torch::kInt64},
       {1280, torch::kUInt64}}};
  const int16_t code = header.int16_at(70), bits = header.int16_at(72);
  for (const auto& [known, type] : kScalars) {
    if (known != code) continue;
    if (bits != static_cast<int16_t>(8 * c10::elementSize(type))) {
      throw_damaged(
          path, fmt::format("data type {} has {} bits a voxel, not {}", code,
                            8 * c10::elementSize(type), bits));
    }
    return type;
  }
  throw DataError(
      path, fmt::format("unsupported data type {} (colour, complex and 128-bit "
                        "voxels are not intensities); save it as int16 or "
                        "float32",
                        code));
}

/// The number of voxels, at most 2^45 so that no later product overflows.
int64_t voxel_count(const std::string& path, const Header& header) {
  const int rank = header.int16_at(40);
  if (rank < 1 || rank > 7) {
    throw_damaged(path, fmt::format("dim[0] is {}, not 1..7", rank));
  }
  std::vector<int64_t> extents;
  int64_t count = 1;
  for (int axis = 1; axis <= rank; ++axis) {
    const int64_t extent = header.int16_at(40 + 2 * axis);
    if (extent < 1) {
      throw_damaged(path, fmt::format("extent {} of axis {} is not positive",
                                      extent, axis));
    }
    extents.push_back(extent);
    if (axis <= 3) count *= extent;
  }
  const bool extra =
      std::any_of(extents.begin() + std::min(3, rank), extents.end(),
                  [](int64_t extent) { return extent != 1; });
  if (rank < 3 || extra) {
    throw DataError(path, fmt::format("expected one 3D volume, not an image of "
                                      "{}; split or stack it first",
                                      fmt::join(extents, "x")));
  }
  return count;
}

void check_spacing(const std::string& path, const Header& header) {
  for (int axis = 1; axis <= 3; ++axis) {
    const float spacing = header.float_at(76 + 4 * axis);
    if (!std::isfinite(spacing) || spacing <= 0) {
      throw DataError(path, fmt::format("spacing {} mm of axis {} is not a "
                                        "positive number; correct pixdim",
                                        spacing, axis));
    }
  }
}

/// A run of equal fields of the header that tell of the place in the patient.
struct PlaceFields {
  size_t offset, width, count;
};
constexpr std::array<PlaceFields, 4> kPlace{{
    {76, 4, 4},    // pixdim[0..3]; the first is the quaternion's handedness
    {123, 1, 1},   // xyzt_units
    {252, 2, 2},   // qform_code, sform_code
    {256, 4, 18},  // quatern_b to srow_z
}};

}  // namespace

std::vector<uint8_t> native_nifti_header(const StoredVoxels& voxels) {
  Bytes header(
      voxels.bytes.begin(),
      voxels.bytes.begin() + static_cast<std::ptrdiff_t>(kHeaderBytes));
  if (!voxels.swapped) return header;
  for (const auto& [offset, width, count] : kPlace) {
    for (size_t i = 0; i < count; ++i) {
      const auto field =
          header.begin() + static_cast<std::ptrdiff_t>(offset + i * width);
      std::reverse(field, field + static_cast<std::ptrdiff_t>(width));
    }
  }
  return header;
}

void copy_nifti_place(const std::vector<uint8_t>& header,
                      const std::string& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  for (const auto& [offset, width, count] : kPlace) {
    file.seekp(static_cast<std::streamoff>(offset));
    file.write(reinterpret_cast<const char*>(header.data() + offset),
               static_cast<std::streamsize>(width * count));
  }
  file.close();
  if (!file) throw DataError(path, "its header cannot be written");
}

StoredVoxels read_nifti_voxels(const std::string& path) {
  StoredVoxels voxels{.bytes = read_file_bytes(path)};
  const bool packed = path.ends_with(".gz");
  const Bytes begin = packed
                          ? gzip_begin(path, voxels.bytes, kHeaderBytes)
                          : Bytes(voxels.bytes.begin(),
                                  voxels.bytes.begin() +
                                      static_cast<std::ptrdiff_t>(std::min(
                                          kHeaderBytes, voxels.bytes.size())));
  voxels.swapped = is_swapped(path, begin);
  const Header header(begin, voxels.swapped);
  if (std::memcmp(&begin[344], "n+1", 4) != 0) {
    throw_damaged(path, "not a single-file NIfTI-1 (its magic is not \"n+1\")");
  }
  voxels.count = voxel_count(path, header);
  voxels.type = voxel_type(path, header);
  check_spacing(path, header);
  const float offset = header.float_at(108);
  constexpr float kMaxOffset = 1 << 24;  // extensions lie before it
  if (!(offset >= kHeaderBytes && offset <= kMaxOffset)) {
    throw_damaged(path, fmt::format("voxels start at byte {}, outside of the "
                                    "file",
                                    offset));
  }
  voxels.offset = static_cast<size_t>(offset);
  if (packed) {
    voxels.bytes =
        inflate_gzip(path, voxels.bytes,
                     voxels.offset + bytes_needed(voxels) + kTrailingBytes);
  }
  check_voxels_present(path, voxels);
  const float slope = header.float_at(112), intercept = header.float_at(116);
  // A slope of zero means "not rescaled".
  if (std::isfinite(slope) && std::isfinite(intercept) && slope != 0) {
    voxels.slope = slope;
    voxels.intercept = intercept;
  }
  return voxels;
}

}  // namespace unimiss::io
