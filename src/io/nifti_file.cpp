#include "io/nifti_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "io/file_bytes.h"
#include "unimiss/core/error.h"

namespace unimiss::io {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr size_t kHeaderBytes = 348;
// DEFLATE cannot expand a byte into more than this many.
constexpr uint64_t kMaxExpansion = 1032;
constexpr uint64_t kMaxInflatedBytes = uint64_t{16} << 30;

[[noreturn]] void fail(const std::string& path, const std::string& problem) {
  throw DataError(path, problem + "; fetch or export the file again");
}

uint32_t little_endian32(const uint8_t* at) {
  return at[0] | at[1] << 8 | at[2] << 16 | static_cast<uint32_t>(at[3]) << 24;
}

/// Every member of a gzip file, inflated and verified against its checksum.
Bytes inflate(const std::string& path, const Bytes& packed) {
  if (packed.size() < 18 || packed[0] != 0x1f || packed[1] != 0x8b) {
    fail(path, "not a gzip file, although its name ends in .gz");
  }
  const uint64_t limit =
      std::min(kMaxExpansion * packed.size(), kMaxInflatedBytes);
  // The last member's size, modulo 2^32: exact for the usual single member.
  const uint64_t claimed = little_endian32(&packed[packed.size() - 4]);
  Bytes plain(std::min(std::max<uint64_t>(claimed, 1024), limit));
  size_t consumed = 0, produced = 0;
  const std::unique_ptr<libdeflate_decompressor,
                        decltype(&libdeflate_free_decompressor)>
      decompressor(libdeflate_alloc_decompressor(),
                   &libdeflate_free_decompressor);
  if (!decompressor) throw std::bad_alloc();
  while (consumed < packed.size()) {
    size_t member_in = 0, member_out = 0;
    const auto result = libdeflate_gzip_decompress_ex(
        decompressor.get(), packed.data() + consumed, packed.size() - consumed,
        plain.data() + produced, plain.size() - produced, &member_in,
        &member_out);
    if (result == LIBDEFLATE_INSUFFICIENT_SPACE && plain.size() < limit) {
      plain.resize(std::min<uint64_t>(2 * plain.size(), limit));
      continue;
    }
    if (result == LIBDEFLATE_INSUFFICIENT_SPACE) {
      fail(path, "its gzip data inflates beyond 16 GiB or never ends");
    }
    if (result != LIBDEFLATE_SUCCESS) {
      fail(path, "its gzip data is truncated or corrupt");
    }
    consumed += member_in;
    produced += member_out;
  }
  plain.resize(produced);
  return plain;
}

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
    fail(path, fmt::format("{} bytes are fewer than the {} of a NIfTI header",
                           bytes.size(), kHeaderBytes));
  }
  const uint32_t size = little_endian32(bytes.data());
  constexpr uint32_t kNifti2 = 540;
  if (size == kNifti2 || __builtin_bswap32(size) == kNifti2) {
    throw DataError(path, "NIfTI-2 is not supported; save it as NIfTI-1");
  }
  if (size != kHeaderBytes && __builtin_bswap32(size) != kHeaderBytes) {
    fail(path, "not a NIfTI file (its first word is not 348)");
  }
  return size != kHeaderBytes;
}

/// Bytes per voxel of a scalar data type.
int64_t voxel_bytes(const std::string& path, const Header& header) {
  struct DataType {
    int16_t code;
    int16_t bits;
  };
  // uint8 int16 int32 float32 float64 int8 uint16 uint32 int64 uint64
  constexpr std::array<DataType, 10> kScalars{{{2, 8},
                                               {4, 16},
                                               {8, 32},
                                               {16, 32},
                                               {64, 64},
                                               {256, 8},
                                               {512, 16},
                                               {768, 32},
                                               {1024, 64},
                                               {1280, 64}}};
  const int16_t code = header.int16_at(70), bits = header.int16_at(72);
  for (const auto& type : kScalars) {
    if (type.code != code) continue;
    if (type.bits != bits) {
      fail(path, fmt::format("data type {} has {} bits a voxel, not {}", code,
                             type.bits, bits));
    }
    return bits / 8;
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
    fail(path, fmt::format("dim[0] is {}, not 1..7", rank));
  }
  std::vector<int64_t> extents;
  int64_t count = 1;
  for (int axis = 1; axis <= rank; ++axis) {
    const int64_t extent = header.int16_at(40 + 2 * axis);
    if (extent < 1) {
      fail(path,
           fmt::format("extent {} of axis {} is not positive", extent, axis));
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

/// Calls visit(T{}) with the C++ type of a data type that voxel_bytes knows.
template <class Visitor>
void visit_data_type(int16_t code, Visitor&& visit) {
  switch (code) {
    case 2:
      return visit(uint8_t{});
    case 4:
      return visit(int16_t{});
    case 8:
      return visit(int32_t{});
    case 16:
      return visit(float{});
    case 64:
      return visit(double{});
    case 256:
      return visit(int8_t{});
    case 512:
      return visit(uint16_t{});
    case 768:
      return visit(uint32_t{});
    case 1024:
      return visit(int64_t{});
    case 1280:
      return visit(uint64_t{});
  }
}

}  // namespace

NiftiVoxels read_nifti_voxels(const std::string& path) {
  if (!path.ends_with(".nii") && !path.ends_with(".nii.gz")) {
    throw DataError(path, "not a .nii or .nii.gz file; convert it to NIfTI-1");
  }
  NiftiVoxels voxels{.bytes = read_file_bytes(path)};
  if (path.ends_with(".gz")) voxels.bytes = inflate(path, voxels.bytes);
  const Bytes& bytes = voxels.bytes;
  voxels.swapped = is_swapped(path, bytes);
  const Header header(bytes, voxels.swapped);
  if (std::memcmp(&bytes[344], "n+1", 4) != 0) {
    fail(path, "not a single-file NIfTI-1 (its magic is not \"n+1\")");
  }
  voxels.count = voxel_count(path, header);
  voxels.data_type = header.int16_at(70);
  const int64_t needed = voxels.count * voxel_bytes(path, header);
  check_spacing(path, header);
  const float offset = header.float_at(108);
  if (!(offset >= kHeaderBytes && offset <= static_cast<float>(bytes.size()))) {
    fail(path, fmt::format("voxels start at byte {}, outside of the {} bytes "
                           "of the file",
                           offset, bytes.size()));
  }
  voxels.offset = static_cast<size_t>(offset);
  const int64_t present =
      static_cast<int64_t>(bytes.size()) - static_cast<int64_t>(voxels.offset);
  if (present < needed) {
    fail(path, fmt::format("{} bytes of voxels are fewer than the {} its "
                           "header asks for",
                           present, needed));
  }
  const float slope = header.float_at(112), intercept = header.float_at(116);
  // A slope of zero means "not rescaled".
  if (std::isfinite(slope) && std::isfinite(intercept) && slope != 0) {
    voxels.slope = slope;
    voxels.intercept = intercept;
  }
  return voxels;
}

void decode_voxels(const NiftiVoxels& voxels, float* intensities) {
  visit_data_type(voxels.data_type, [&](auto stored) {
    const uint8_t* from = voxels.bytes.data() + voxels.offset;
    for (int64_t i = 0; i < voxels.count; ++i, from += sizeof(stored)) {
      std::array<uint8_t, sizeof(stored)> raw;
      std::memcpy(raw.data(), from, sizeof(stored));
      if (voxels.swapped) std::reverse(raw.begin(), raw.end());
      std::memcpy(&stored, raw.data(), sizeof(stored));
      intensities[i] = static_cast<float>(
          static_cast<double>(stored) * voxels.slope + voxels.intercept);
    }
  });
}

}  // namespace unimiss::io
