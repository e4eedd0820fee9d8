#include "unimiss/io/mapped_volume.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <libdeflate.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <system_error>

#include "unimiss/core/error.h"

namespace unimiss::io {
namespace {

// Fields of the NIfTI-1 header by byte offset.
constexpr size_t kDim = 40, kDataType = 70, kBits = 72, kPixDim = 76,
                 kVoxOffset = 108, kSlope = 112, kUnits = 123,
                 kDescription = 148, kSformCode = 254, kSform = 280,
                 kMagic = 344;
constexpr size_t kDescriptionBytes = 80;
constexpr char kMillimetres = 2;

using Header = std::array<char, kMappedHeaderBytes>;

struct DataType {
  c10::ScalarType scalar;
  int16_t code;
};
constexpr DataType kDataTypes[] = {
    {torch::kUInt8, 2}, {torch::kInt16, 4}, {torch::kUInt16, 512}};

template <class T>
void put(Header& header, size_t at, T value) {
  std::memcpy(header.data() + at, &value, sizeof value);
}

template <class T>
T get(const char* header, size_t at) {
  T value;
  std::memcpy(&value, header + at, sizeof value);
  return value;
}

/// What the description of a whole file reads.
std::string description(const void* voxels, size_t bytes) {
  return fmt::format("unimiss cache 1 crc32 {:08x}",
                     libdeflate_crc32(0, voxels, bytes));
}

Header make_header(const torch::Tensor& voxels,
                   const std::array<double, 3>& spacing) {
  Header header{};
  put(header, 0, int32_t{348});
  put(header, kDim, int16_t{3});
  put(header, kPixDim, 1.0f);
  for (int i = 0; i < 4; ++i) put(header, kDim + 8 + 2 * i, int16_t{1});
  // NIfTI's axes run to the right, anterior and superior; W, H and D to the
  // left, posterior and superior.
  constexpr std::array<float, 3> kSigns{-1, -1, 1};
  for (int axis = 0; axis < 3; ++axis) {
    const auto extent = static_cast<float>(spacing[2 - axis]);
    put(header, kDim + 2 + 2 * axis,
        static_cast<int16_t>(voxels.size(2 - axis)));
    put(header, kPixDim + 4 + 4 * axis, extent);
    put(header, kSform + (4 * axis + axis) * sizeof(float),
        kSigns[axis] * extent);
  }
  for (const DataType& type : kDataTypes) {
    if (type.scalar == voxels.scalar_type()) put(header, kDataType, type.code);
  }
  put(header, kBits, static_cast<int16_t>(8 * voxels.element_size()));
  put(header, kVoxOffset, static_cast<float>(kMappedHeaderBytes));
  put(header, kSlope, 1.0f);
  put(header, kUnits, kMillimetres);
  put(header, kSformCode, int16_t{1});
  const std::string text = description(voxels.data_ptr(), voxels.nbytes());
  std::memcpy(header.data() + kDescription, text.data(), text.size());
  std::memcpy(header.data() + kMagic, "n+1", 4);
  return header;
}

/// A name that no other thread, process or host writes to.
std::string temporary_name(const std::string& path) {
  static const uint64_t process = [] {
    std::random_device device;
    return uint64_t{device()} << 32 | device();
  }();
  static std::atomic<uint64_t> count{0};
  return fmt::format("{}.{:016x}-{}.part", path, process, count++);
}

/// A file mapped for reading.
class Mapping {
 public:
  explicit Mapping(const std::string& path) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status {};
    if (file < 0 || fstat(file, &status) != 0) {
      const std::string why = std::system_category().message(errno);
      if (file >= 0) close(file);
      throw Error(path + ": cannot be opened (" + why + ")");
    }
    size_ = static_cast<size_t>(status.st_size);
    if (size_ < kMappedHeaderBytes) {
      close(file);
      throw DataError(path, "is cut short");
    }
    data_ = mmap(nullptr, size_, PROT_READ, MAP_SHARED, file, 0);
    const std::string why = std::system_category().message(errno);
    close(file);
    if (data_ == MAP_FAILED) {
      data_ = nullptr;
      throw Error(path + ": cannot be mapped into memory (" + why + ")");
    }
  }
  ~Mapping() {
    if (data_ != nullptr) munmap(data_, size_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  const char* bytes() const { return static_cast<const char*>(data_); }
  char* voxels() const {
    return static_cast<char*>(data_) + kMappedHeaderBytes;
  }
  size_t size() const { return size_; }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace

void write_mapped_volume(const std::string& path, const torch::Tensor& voxels,
                         const std::array<double, 3>& spacing) {
  TORCH_CHECK(voxels.dim() == 3 && voxels.is_contiguous() && voxels.is_cpu() &&
                  voxels.numel() > 0,
              "a mapped volume is a contiguous [D, H, W]");
  for (int64_t extent : voxels.sizes()) {
    TORCH_CHECK(extent <= kMaxMappedExtent,
                "NIfTI-1 ends at 32767 voxels an axis");
  }
  const Header header = make_header(voxels, spacing);
  TORCH_CHECK(get<int16_t>(header.data(), kDataType) != 0,
              "a mapped volume is uint8, uint16 or int16, not ",
              voxels.scalar_type());
  const std::string part = temporary_name(path);
  std::error_code error;
  {
    std::ofstream file(part, std::ios::binary | std::ios::trunc);
    file.write(header.data(), header.size());
    file.write(static_cast<const char*>(voxels.data_ptr()),
               static_cast<std::streamsize>(voxels.nbytes()));
    file.close();
    if (!file) {
      std::filesystem::remove(part, error);
      throw DataError(path,
                      "cannot be written (folder missing or read-only, or the "
                      "disk is full); free space or choose another folder");
    }
  }
  std::filesystem::rename(part, path, error);
  if (!error) return;
  const std::string why = error.message();
  std::filesystem::remove(part, error);
  throw DataError(path, "cannot be replaced: " + why);
}

MappedVolume map_volume(const std::string& path, MappedCheck check) {
  auto mapping = std::make_shared<const Mapping>(path);
  const char* header = mapping->bytes();
  auto fail = [&](const char* why) { throw DataError(path, why); };
  const std::string text(header + kDescription,
                         strnlen(header + kDescription, kDescriptionBytes));
  if (!text.starts_with("unimiss cache 1 ")) {
    fail("is not a volume of the cache, or its header is damaged");
  }
  c10::ScalarType type = torch::kFloat64;
  for (const DataType& known : kDataTypes) {
    if (known.code == get<int16_t>(header, kDataType)) type = known.scalar;
  }
  std::array<int64_t, 3> sizes;
  std::array<double, 3> spacing;
  uint64_t bytes = c10::elementSize(type);
  for (int axis = 0; axis < 3; ++axis) {
    // The checksum is of the voxels alone, but the header holds it twice.
    const auto extent = get<float>(header, kPixDim + 4 + 4 * axis);
    const auto column =
        get<float>(header, kSform + (4 * axis + axis) * sizeof(float));
    if (!(extent > 0 && std::isfinite(extent)) || std::abs(column) != extent) {
      fail("has an impossible spacing");
    }
    spacing[2 - axis] = extent;
    sizes[2 - axis] = get<int16_t>(header, kDim + 2 + 2 * axis);
    if (sizes[2 - axis] < 1) fail("has an impossible size");
    bytes *= static_cast<uint64_t>(sizes[2 - axis]);
  }
  if (type == torch::kFloat64 ||
      mapping->size() != kMappedHeaderBytes + bytes) {
    fail("has a header that does not fit the file");
  }
  if (check == MappedCheck::kVoxels &&
      text != description(mapping->voxels(), bytes)) {
    fail("fails its checksum");
  }
  char* voxels = mapping->voxels();
  return {torch::from_blob(
              voxels, sizes, [mapping](void*) {}, type),
          spacing};
}

}  // namespace unimiss::io
