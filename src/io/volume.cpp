#include "unimiss/io/volume.h"

#include <fmt/format.h>
#include <itkImageFileReader.h>
#include <itkMetaImageIO.h>
#include <itkNiftiImageIO.h>
#include <itkNrrdImageIO.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include "io/dicom_file.h"
#include "io/dicom_series.h"
#include "io/file_bytes.h"
#include "io/itk_image.h"
#include "io/nifti_file.h"
#include "io/text_header_file.h"
#include "unimiss/core/error.h"
#include "unimiss/core/log.h"
#include "unimiss/io/formats.h"

namespace unimiss::io {
namespace {

/// A file's voxels at the place that ITK reads from its header.
ItkImage::Pointer read_with(const std::string& path, itk::ImageIOBase* format,
                            const StoredVoxels& voxels) {
  auto reader = itk::ImageFileReader<ItkImage>::New();
  reader->SetImageIO(format);
  reader->SetFileName(path);
  reader->UpdateOutputInformation();
  auto image = ItkImage::New();
  image->CopyInformation(reader->GetOutput());
  image->SetRegions(image->GetLargestPossibleRegion());
  if (image->GetLargestPossibleRegion().GetNumberOfPixels() !=
      static_cast<size_t>(voxels.count)) {
    throw_damaged(path, "its header contradicts itself about the extents");
  }
  image->Allocate();
  decode_voxels(voxels, image->GetBufferPointer());
  return image;
}

ItkImage::Pointer read_image(const std::string& path,
                             std::vector<uint8_t>& nifti_header) {
  if (std::filesystem::is_directory(path)) return read_dicom_series(path);
  const FileFormat* format = find_format(path, LetterCase::kExact);
  switch (format == nullptr ? FileReader::kNone : format->reader) {
    case FileReader::kNifti: {
      const StoredVoxels voxels = read_nifti_voxels(path);
      nifti_header = native_nifti_header(voxels);
      return read_with(path, itk::NiftiImageIO::New(), voxels);
    }
    case FileReader::kMetaImage:
      return read_with(path, itk::MetaImageIO::New(),
                       read_metaimage_voxels(path));
    case FileReader::kNrrd:
      return read_with(path, itk::NrrdImageIO::New(), read_nrrd_voxels(path));
    case FileReader::kPixels:
    case FileReader::kNone:
      break;
  }
  require_exists(path);
  throw DataError(
      path, is_dicom_file(path)
                ? "a single DICOM file is no volume; name the folder that "
                  "holds its series"
                : fmt::format("not a volume by its name (in lower case: {}, or "
                              "a folder of DICOM files); convert it",
                              endings_read(3)));
}

FileGrid grid_of(const ItkImage& image) {
  FileGrid grid;
  const auto size = image.GetLargestPossibleRegion().GetSize();
  for (int axis = 0; axis < 3; ++axis) {
    grid.size[axis] = static_cast<int64_t>(size[axis]);
    grid.spacing[axis] = image.GetSpacing()[axis];
    grid.origin[axis] = image.GetOrigin()[axis];
    for (int row = 0; row < 3; ++row) {
      grid.axes[axis][row] = image.GetDirection()[row][axis];
    }
  }
  return grid;
}

/// Which axis of a file comes closest to inferior-superior, to
/// anterior-posterior and to right-left: the order with the largest sum of
/// cosines. (ITK's filter takes the closest axis for each by itself, and fails
/// where that is the same one, as it may be near 45 degrees.)
std::array<int, 3> canonical_order(const FileGrid& grid) {
  std::array<int, 3> order{0, 1, 2}, best{2, 1, 0};
  const auto closeness = [&](const std::array<int, 3>& axes) {
    double sum = 0;
    for (int to = 0; to < 3; ++to) {
      sum += std::abs(grid.axes[axes[to]][2 - to]);
    }
    return sum;
  };
  do {
    if (closeness(order) > closeness(best) + 1e-9) best = order;
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

/// Voxels [z, y, x] of a file in the canonical orientation.
Volume oriented(const torch::Tensor& voxels, const FileGrid& grid) {
  const std::array<int, 3> order = canonical_order(grid);
  Volume volume;
  volume.file = grid;
  volume.origin = grid.origin;
  std::vector<int64_t> dimensions, flipped;
  for (int to = 0; to < 3; ++to) {
    const int from = order[to];
    dimensions.push_back(2 - from);
    volume.spacing[to] = grid.spacing[from];
    volume.axes[to] = grid.axes[from];
    if (grid.axes[from][2 - to] >= 0) continue;
    flipped.push_back(to);
    const double length =
        static_cast<double>(grid.size[from] - 1) * grid.spacing[from];
    for (int i = 0; i < 3; ++i) {
      volume.origin[i] += length * grid.axes[from][i];
      volume.axes[to][i] = -grid.axes[from][i];
    }
  }
  const torch::Tensor permuted = voxels.permute(dimensions);
  volume.voxels = flipped.empty() ? permuted.clone(at::MemoryFormat::Contiguous)
                                  : permuted.flip(flipped).contiguous();
  return volume;
}

void require_labels(const std::string& path, const torch::Tensor& voxels) {
  const float* values = voxels.data_ptr<float>();
  for (int64_t i = 0; i < voxels.numel(); ++i) {
    // From 2^24 on a float cannot tell whole numbers apart.
    if (std::abs(values[i]) < 16777216 && values[i] == std::floor(values[i])) {
      continue;
    }
    throw DataError(path, fmt::format("holds the label {}, which is not a "
                                      "whole number; is it a label map, and "
                                      "was it resampled with interpolation?",
                                      values[i]));
  }
}

void replace_non_finite(const std::string& path, torch::Tensor& voxels) {
  float* values = voxels.data_ptr<float>();
  const int64_t count = voxels.numel();
  float smallest = std::numeric_limits<float>::infinity();
  int64_t bad = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (!std::isfinite(values[i])) {
      ++bad;
    } else if (values[i] < smallest) {
      smallest = values[i];
    }
  }
  if (bad == 0) return;
  if (bad == count) {
    throw DataError(path, "no voxel is a finite number; export it again");
  }
  for (int64_t i = 0; i < count; ++i) {
    if (!std::isfinite(values[i])) values[i] = smallest;
  }
  log_warning(fmt::format(
      "{}: {} of {} voxels are not finite; replaced by the minimum {}", path,
      bad, count, smallest));
}

}  // namespace

bool is_dicom_series(const std::string& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end;
       !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_regular_file(ignored) &&
        is_dicom_file(entry->path().string())) {
      return true;
    }
  }
  return false;
}

std::vector<std::string> volume_files(const std::string& path) {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  if (fs::is_directory(path)) {
    for (const auto& file : fs::directory_iterator(path)) {
      if (file.is_regular_file()) files.push_back(file.path().string());
    }
    std::sort(files.begin(), files.end());
    return files;
  }
  files.push_back(path);
  if (may_be_detached(path)) {
    const std::string data = detached_data_file(path);
    if (fs::exists(data)) files.push_back(data);
  }
  return files;
}

Volume read_volume(const std::string& path, VoxelKind kind) {
  keep_itk_on_this_thread();
  ItkImage::Pointer image;
  std::vector<uint8_t> nifti_header;
  try {
    image = read_image(path, nifti_header);
  } catch (const itk::ExceptionObject& error) {
    throw DataError(path, fmt::format("cannot be read ({}); export it again",
                                      error.GetDescription()));
  }
  FileGrid grid = grid_of(*image);
  grid.nifti_header = std::move(nifti_header);
  for (const double spacing : grid.spacing) {
    if (!std::isfinite(spacing) || spacing <= 0) {
      throw DataError(path, fmt::format("spacing {} mm is not a positive "
                                        "number; correct the header",
                                        spacing));
    }
  }
  Volume volume =
      oriented(torch::from_blob(image->GetBufferPointer(),
                                {grid.size[2], grid.size[1], grid.size[0]},
                                torch::kFloat32),
               grid);
  if (kind == VoxelKind::kLabels) {
    require_labels(path, volume.voxels);
  } else {
    replace_non_finite(path, volume.voxels);
  }
  return volume;
}

}  // namespace unimiss::io
