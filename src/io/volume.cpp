#include "unimiss/io/volume.h"

#include <fmt/format.h>
#include <itkImageFileReader.h>
#include <itkMetaImageIO.h>
#include <itkNiftiImageIO.h>
#include <itkNrrdImageIO.h>
#include <itkOrientImageFilter.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "io/dicom_file.h"
#include "io/file_bytes.h"
#include "io/itk_image.h"
#include "io/nifti_file.h"
#include "io/text_header_file.h"
#include "unimiss/core/error.h"
#include "unimiss/core/log.h"

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

ItkImage::Pointer read_image(const std::string& path) {
  const auto ends = [&](auto... suffixes) {
    return (path.ends_with(suffixes) || ...);
  };
  if (std::filesystem::is_directory(path)) return read_dicom_series(path);
  if (ends(".nii", ".nii.gz")) {
    return read_with(path, itk::NiftiImageIO::New(), read_nifti_voxels(path));
  }
  if (ends(".mha", ".mhd")) {
    return read_with(path, itk::MetaImageIO::New(),
                     read_metaimage_voxels(path));
  }
  if (ends(".nrrd", ".nhdr")) {
    return read_with(path, itk::NrrdImageIO::New(), read_nrrd_voxels(path));
  }
  require_exists(path);
  throw DataError(path, is_dicom_file(path)
                            ? "a single DICOM file is no volume; name the "
                              "folder that holds its series"
                            : "not a volume by its name (in lower case: .nii, "
                              ".nii.gz, .mha, "
                              ".mhd, .nrrd, .nhdr, or a folder of DICOM "
                              "files); convert it");
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

/// The image in the canonical orientation; index axis 0 of ITK is W, 2 is D.
ItkImage::Pointer read_oriented(const std::string& path, FileGrid& file) {
  keep_itk_on_this_thread();
  auto orient = itk::OrientImageFilter<ItkImage, ItkImage>::New();
  orient->UseImageDirectionOn();
  // ITK names an axis by where it starts: Right, Anterior, Inferior.
  orient->SetDesiredCoordinateOrientation(
      itk::SpatialOrientation::ITK_COORDINATE_ORIENTATION_RAI);
  try {
    const ItkImage::Pointer image = read_image(path);
    file = grid_of(*image);
    orient->SetInput(image);
    orient->Update();
  } catch (const itk::ExceptionObject& error) {
    throw DataError(path, fmt::format("cannot be read ({}); export it again",
                                      error.GetDescription()));
  }
  return orient->GetOutput();
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
  if (path.ends_with(".mhd") || path.ends_with(".nhdr")) {
    const std::string data = detached_data_file(path);
    if (fs::exists(data)) files.push_back(data);
  }
  return files;
}

Volume read_volume(const std::string& path, VoxelKind kind) {
  FileGrid file;
  const auto image = read_oriented(path, file);
  const auto size = image->GetLargestPossibleRegion().GetSize();
  const auto spacing = image->GetSpacing();
  Volume volume;
  volume.file = file;
  for (int axis = 0; axis < 3; ++axis) {
    volume.spacing[axis] = spacing[2 - axis];
    volume.origin[axis] = image->GetOrigin()[axis];
    for (int row = 0; row < 3; ++row) {
      volume.axes[axis][row] = image->GetDirection()[row][2 - axis];
    }
    if (!std::isfinite(spacing[axis]) || spacing[axis] <= 0) {
      throw DataError(path, fmt::format("spacing {} mm is not a positive "
                                        "number; correct the header",
                                        spacing[axis]));
    }
  }
  volume.voxels = torch::empty(
      {static_cast<int64_t>(size[2]), static_cast<int64_t>(size[1]),
       static_cast<int64_t>(size[0])},
      torch::kFloat32);
  std::copy_n(image->GetBufferPointer(), volume.voxels.numel(),
              volume.voxels.data_ptr<float>());
  if (kind == VoxelKind::kLabels) {
    require_labels(path, volume.voxels);
  } else {
    replace_non_finite(path, volume.voxels);
  }
  return volume;
}

}  // namespace unimiss::io
