#include "io/stored_voxels.h"

#include <fmt/format.h>
#include <libdeflate.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "io/file_bytes.h"
#include "unimiss/core/error.h"

namespace unimiss::io {
namespace {

using Bytes = std::vector<uint8_t>;

// DEFLATE cannot expand a byte into more than this many.
constexpr uint64_t kMaxExpansion = 1032;
constexpr uint64_t kMaxInflatedBytes = uint64_t{16} << 30;

using Decompressor = std::unique_ptr<libdeflate_decompressor,
                                     decltype(&libdeflate_free_decompressor)>;

Decompressor make_decompressor() {
  Decompressor decompressor(libdeflate_alloc_decompressor(),
                            &libdeflate_free_decompressor);
  if (!decompressor) throw std::bad_alloc();
  return decompressor;
}

void require_gzip(const std::string& path, const Bytes& packed) {
  if (packed.size() < 18 || packed[0] != 0x1f || packed[1] != 0x8b) {
    throw_damaged(path,
                  "not gzip data, although it should be by its name or header");
  }
}

template <class T>
void decode_as(const StoredVoxels& voxels, float* intensities) {
  const uint8_t* from = voxels.bytes.data() + voxels.offset;
  for (int64_t i = 0; i < voxels.count; ++i, from += sizeof(T)) {
    std::array<uint8_t, sizeof(T)> raw;
    std::memcpy(raw.data(), from, sizeof(T));
    if (voxels.swapped) std::reverse(raw.begin(), raw.end());
    T stored;
    std::memcpy(&stored, raw.data(), sizeof(T));
    intensities[i] = static_cast<float>(
        static_cast<double>(stored) * voxels.slope + voxels.intercept);
  }
}

}  // namespace

uint64_t bytes_needed(const StoredVoxels& voxels) {
  return static_cast<uint64_t>(voxels.count) * c10::elementSize(voxels.type);
}

void check_voxels_present(const std::string& path, const StoredVoxels& voxels) {
  const uint64_t present = voxels.bytes.size() >= voxels.offset
                               ? voxels.bytes.size() - voxels.offset
                               : 0;
  const uint64_t needed = bytes_needed(voxels);
  if (present < needed) {
    throw_damaged(path,
                  fmt::format("{} bytes of voxels are fewer than the {} its "
                              "header asks for",
                              present, needed));
  }
}

void decode_voxels(const StoredVoxels& voxels, float* intensities) {
  switch (voxels.type) {
    case torch::kUInt8:
      return decode_as<uint8_t>(voxels, intensities);
    case torch::kInt8:
      return decode_as<int8_t>(voxels, intensities);
    case torch::kUInt16:
      return decode_as<uint16_t>(voxels, intensities);
    case torch::kInt16:
      return decode_as<int16_t>(voxels, intensities);
    case torch::kUInt32:
      return decode_as<uint32_t>(voxels, intensities);
    case torch::kInt32:
      return decode_as<int32_t>(voxels, intensities);
    case torch::kUInt64:
      return decode_as<uint64_t>(voxels, intensities);
    case torch::kInt64:
      return decode_as<int64_t>(voxels, intensities);
    case torch::kFloat32:
      return decode_as<float>(voxels, intensities);
    case torch::kFloat64:
      return decode_as<double>(voxels, intensities);
    default:
      TORCH_CHECK(false, "voxels cannot be ", voxels.type);
  }
}

Bytes gzip_begin(const std::string& path, const Bytes& packed, size_t count) {
  require_gzip(path, packed);
  Bytes plain(count);
  z_stream stream{};
  constexpr int kGzip = 16;
  if (inflateInit2(&stream, MAX_WBITS + kGzip) != Z_OK) throw std::bad_alloc();
  stream.next_in = const_cast<Bytef*>(packed.data());
  stream.avail_in =
      static_cast<uInt>(std::min<size_t>(packed.size(), UINT32_MAX));
  stream.next_out = plain.data();
  stream.avail_out = static_cast<uInt>(count);
  int result = Z_OK;
  while (result == Z_OK && stream.avail_out > 0) {
    result = ::inflate(&stream, Z_NO_FLUSH);
    // The next member, where there is one.
    if (result == Z_STREAM_END && stream.avail_in > 0) {
      result = inflateReset(&stream);
    }
  }
  plain.resize(count - stream.avail_out);
  inflateEnd(&stream);
  return plain;
}

Bytes inflate_gzip(const std::string& path, const Bytes& packed,
                   uint64_t limit) {
  require_gzip(path, packed);
  limit = std::min({limit, kMaxExpansion * packed.size(), kMaxInflatedBytes});
  // The last member's size, modulo 2^32: exact for the usual single member,
  // anything in a damaged file.
  const uint64_t claimed = little_endian32(&packed[packed.size() - 4]);
  Bytes plain(std::min(std::max<uint64_t>(claimed, 1024), limit));
  size_t consumed = 0, produced = 0;
  const Decompressor decompressor = make_decompressor();
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
      throw_damaged(path,
                    "its gzip data holds more than its header asks for, "
                    "or never ends");
    }
    if (result != LIBDEFLATE_SUCCESS) {
      throw_damaged(path, "its gzip data is truncated or corrupt");
    }
    consumed += member_in;
    produced += member_out;
    // Zeros behind the last member are padding, as for gzip itself.
    if (std::all_of(packed.begin() + static_cast<std::ptrdiff_t>(consumed),
                    packed.end(), [](uint8_t byte) { return byte == 0; })) {
      break;
    }
  }
  plain.resize(produced);
  return plain;
}

Bytes inflate_zlib(const std::string& path, const Bytes& packed,
                   uint64_t size) {
  if (size > kMaxExpansion * packed.size() || size > kMaxInflatedBytes) {
    throw_damaged(path,
                  fmt::format("{} bytes of zlib data cannot hold the {} its "
                              "header asks for",
                              packed.size(), size));
  }
  Bytes plain(size);
  const Decompressor decompressor = make_decompressor();
  const auto result =
      libdeflate_zlib_decompress(decompressor.get(), packed.data(),
                                 packed.size(), plain.data(), size, nullptr);
  if (result != LIBDEFLATE_SUCCESS) {
    throw_damaged(
        path,
        "its zlib data is truncated or corrupt, or its size contradicts "
        "the header");
  }
  return plain;
}

}  // namespace unimiss::io
