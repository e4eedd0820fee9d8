#include "unimiss/io/volume_writer.h"

#include <ATen/Functions.h>
#include <fmt/format.h>
#include <itkImageFileWriter.h>
#include <itkMetaImageIO.h>
#include <itkNiftiImageIO.h>
#include <itkNrrdImageIO.h>
#include <libdeflate.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>
#include <utility>

#include "io/file_bytes.h"
#include "io/itk_image.h"
#include "io/nifti_file.h"
#include "unimiss/core/error.h"
#include "unimiss/io/durable_file.h"
#include "unimiss/io/formats.h"

namespace unimiss::io {
namespace {

[[noreturn]] void fail_to_write(const std::string& path,
                                const std::string& why) {
  throw DataError(path, fmt::format("cannot be written ({}); check the folder "
                                    "and the free space",
                                    why));
}

/// The grid of a volume that comes from no file.
FileGrid canonical_grid(const Volume& volume) {
  FileGrid grid;
  for (int axis = 0; axis < 3; ++axis) {
    grid.size[axis] = volume.voxels.size(2 - axis);
    grid.spacing[axis] = volume.spacing[2 - axis];
    grid.axes[axis] = volume.axes[2 - axis];
  }
  grid.origin = volume.origin;
  return grid;
}

/// The voxels [D, H, W] along the axes of a grid, [z, y, x]: only permuted and
/// flipped.
torch::Tensor along_grid(const Volume& volume, const FileGrid& grid) {
  std::vector<int64_t> order, flipped;
  for (const int axis : {2, 1, 0}) {
    for (int from = 0; from < 3; ++from) {
      double cosine = 0;
      for (int i = 0; i < 3; ++i) {
        cosine += volume.axes[from][i] * grid.axes[axis][i];
      }
      if (std::abs(cosine) < 0.99) continue;
      if (cosine < 0) flipped.push_back(static_cast<int64_t>(order.size()));
      order.push_back(from);
    }
  }
  TORCH_CHECK(order.size() == 3, "the grid has other axes than the volume");
  torch::Tensor voxels = volume.voxels.permute(order);
  if (!flipped.empty()) voxels = voxels.flip(flipped);
  TORCH_CHECK(voxels.size(0) == grid.size[2] &&
                  voxels.size(1) == grid.size[1] &&
                  voxels.size(2) == grid.size[0],
              "voxels ", voxels.sizes(), " for another grid");
  return voxels;
}

template <class Pixel>
torch::Tensor as_stored(const torch::Tensor& voxels) {
  constexpr auto kType = c10::CppTypeToScalarType<Pixel>::value;
  if (voxels.scalar_type() == kType) return voxels.contiguous();
  if constexpr (std::is_integral_v<Pixel>) {
    const double low = std::numeric_limits<Pixel>::lowest();
    const double high = std::numeric_limits<Pixel>::max();
    const torch::Tensor whole =
        voxels.is_floating_point() ? voxels.round() : voxels;
    return whole.clamp(low, high).to(kType).contiguous();
  }
  return voxels.to(kType).contiguous();
}

const FileFormat& format_of(const std::string& path) {
  const FileFormat* format = find_format(path, LetterCase::kExact);
  if (format == nullptr || format->rank != 3 || !format->is_written()) {
    throw DataError(
        path, fmt::format("is no name that a volume can be written to; use one "
                          "of {}",
                          endings_written(3)));
  }
  return *format;
}

itk::ImageIOBase::Pointer writer_of(const FileFormat& format) {
  if (format.reader == FileReader::kNifti) {
    return itk::NiftiImageIO::New().GetPointer();
  }
  if (format.reader == FileReader::kMetaImage) {
    return itk::MetaImageIO::New().GetPointer();
  }
  return itk::NrrdImageIO::New().GetPointer();
}

/// Writes voxels [z, y, x] to a file of any name but .nii.gz.
template <class Pixel>
void write_with_itk(const std::string& path, const torch::Tensor& voxels,
                    const FileGrid& grid) {
  keep_itk_on_this_thread();
  using Image = itk::Image<Pixel, 3>;
  auto image = Image::New();
  typename Image::SizeType size;
  typename Image::SpacingType spacing;
  typename Image::DirectionType direction;
  for (int axis = 0; axis < 3; ++axis) {
    size[axis] = static_cast<itk::SizeValueType>(grid.size[axis]);
    spacing[axis] = grid.spacing[axis];
    for (int row = 0; row < 3; ++row) {
      direction[row][axis] = grid.axes[axis][row];
    }
  }
  image->SetRegions(size);
  image->SetSpacing(spacing);
  image->SetDirection(direction);
  image->SetOrigin(grid.origin.data());
  image->GetPixelContainer()->SetImportPointer(
      voxels.data_ptr<Pixel>(), static_cast<itk::SizeValueType>(voxels.numel()),
      false);
  auto writer = itk::ImageFileWriter<Image>::New();
  const bool nifti = format_of(path).reader == FileReader::kNifti;
  const auto format = writer_of(format_of(path));
  format->SetUseCompression(!nifti);
  writer->SetImageIO(format);
  writer->SetUseCompression(!nifti);
  writer->SetFileName(path);
  writer->SetInput(image);
  try {
    writer->Update();
  } catch (const itk::ExceptionObject& error) {
    fail_to_write(path, error.GetDescription());
  }
  if (nifti && !grid.nifti_header.empty()) {
    copy_nifti_place(grid.nifti_header, path);
  }
  // Not every format of ITK tells of a full disk.
  if (nifti) {
    std::error_code ignored;
    const auto least = static_cast<uint64_t>(voxels.nbytes()) + 352;
    if (std::filesystem::file_size(path, ignored) < least) {
      fail_to_write(path, "is incomplete");
    }
  } else {
    read_volume(path, VoxelKind::kIntensities);
  }
}

/// NIfTI by ITK, compressed at once: gzip as ITK writes it takes several times
/// as long and says nothing of a full disk.
template <class Pixel>
void write_packed(const std::string& path, const torch::Tensor& voxels,
                  const FileGrid& grid) {
  const std::string plain = path.substr(0, path.size() - 3);
  std::vector<uint8_t> bytes;
  const auto remove = [&] {
    std::error_code ignored;
    std::filesystem::remove(plain, ignored);
  };
  try {
    write_with_itk<Pixel>(plain, voxels, grid);
    bytes = read_file_bytes(plain);
  } catch (...) {
    remove();
    throw;
  }
  remove();
  constexpr int kLevel = 5;
  const std::unique_ptr<libdeflate_compressor,
                        decltype(&libdeflate_free_compressor)>
      compressor(libdeflate_alloc_compressor(kLevel),
                 libdeflate_free_compressor);
  std::vector<uint8_t> packed(
      libdeflate_gzip_compress_bound(compressor.get(), bytes.size()));
  const size_t size =
      libdeflate_gzip_compress(compressor.get(), bytes.data(), bytes.size(),
                               packed.data(), packed.size());
  DurableFile file(path);
  file.write(packed.data(), size);
  file.commit();
}

template <class Pixel>
void write_as(const std::string& path, const torch::Tensor& voxels,
              const FileGrid& grid) {
  const torch::Tensor stored = as_stored<Pixel>(voxels);
  // Before anything is written.
  const bool packed = format_of(path).ending == ".nii.gz";
  write_durably(path, [&](const std::string& name) {
    packed ? write_packed<Pixel>(name, stored, grid)
           : write_with_itk<Pixel>(name, stored, grid);
  });
}

}  // namespace

void write_volume(const std::string& path, const Volume& volume,
                  VoxelType type) {
  TORCH_CHECK(volume.voxels.dim() == 3, "a volume is [D, H, W]");
  const FileGrid grid = volume.file ? *volume.file : canonical_grid(volume);
  const torch::Tensor voxels = along_grid(volume, grid);
  switch (type) {
    case VoxelType::kUInt8:
      return write_as<uint8_t>(path, voxels, grid);
    case VoxelType::kInt16:
      return write_as<int16_t>(path, voxels, grid);
    case VoxelType::kInt32:
      return write_as<int32_t>(path, voxels, grid);
    case VoxelType::kFloat32:
      return write_as<float>(path, voxels, grid);
  }
}

}  // namespace unimiss::io
