#include "unimiss/io/volume.h"

#include <fmt/format.h>
#include <itkImage.h>
#include <itkImageFileReader.h>
#include <itkImageFileWriter.h>
#include <itkNiftiImageIO.h>
#include <itkOrientImageFilter.h>

#include <cmath>
#include <limits>

#include "io/nifti_file.h"
#include "unimiss/core/error.h"
#include "unimiss/core/log.h"

namespace unimiss::io {
namespace {

using Image = itk::Image<float, 3>;

/// The image in the canonical orientation; index axis 0 of ITK is W, 2 is D.
Image::Pointer read_oriented(const std::string& path) {
  const NiftiVoxels voxels = read_nifti_voxels(path);
  auto reader = itk::ImageFileReader<Image>::New();
  reader->SetImageIO(itk::NiftiImageIO::New());
  reader->SetFileName(path);
  auto orient = itk::OrientImageFilter<Image, Image>::New();
  orient->UseImageDirectionOn();
  // ITK names an axis by where it starts: Right, Anterior, Inferior.
  orient->SetDesiredCoordinateOrientation(
      itk::SpatialOrientation::ITK_COORDINATE_ORIENTATION_RAI);
  try {
    reader->UpdateOutputInformation();
    auto image = Image::New();
    image->CopyInformation(reader->GetOutput());
    image->SetRegions(image->GetLargestPossibleRegion());
    TORCH_CHECK(image->GetLargestPossibleRegion().GetNumberOfPixels() ==
                    static_cast<size_t>(voxels.count),
                path, ": ITK sees another number of voxels");
    image->Allocate();
    decode_voxels(voxels, image->GetBufferPointer());
    orient->SetInput(image);
    orient->Update();
  } catch (const itk::ExceptionObject& error) {
    throw DataError(path, fmt::format("cannot be read as NIfTI ({}); export it "
                                      "again",
                                      error.GetDescription()));
  }
  return orient->GetOutput();
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

/// One axis of a separable linear interpolation: output i blends the inputs
/// first[i] and second[i], the latter with weight[i].
struct LinearTaps {
  std::vector<int64_t> first, second;
  std::vector<float> weight;

  LinearTaps(int64_t input, int64_t output, double step) {
    for (int64_t i = 0; i < output; ++i) {
      const double at = std::clamp((static_cast<double>(i) + 0.5) * step - 0.5,
                                   0.0, static_cast<double>(input - 1));
      first.push_back(static_cast<int64_t>(at));
      second.push_back(std::min(first.back() + 1, input - 1));
      weight.push_back(static_cast<float>(at - std::floor(at)));
    }
  }
  int64_t size() const { return static_cast<int64_t>(first.size()); }
};

/// Interpolates the middle axis of [outer, n, inner].
torch::Tensor interpolate_axis(const torch::Tensor& input, int64_t axis,
                               const LinearTaps& taps) {
  auto sizes = input.sizes().vec();
  const int64_t extent = sizes[axis];
  int64_t outer = 1, inner = 1;
  for (int64_t i = 0; i < axis; ++i) outer *= sizes[i];
  for (int64_t i = axis + 1; i < 3; ++i) inner *= sizes[i];
  sizes[axis] = taps.size();
  auto output = torch::empty(sizes, torch::kFloat32);
  const float* from = input.data_ptr<float>();
  float* to = output.data_ptr<float>();
  for (int64_t o = 0; o < outer; ++o, from += extent * inner) {
    for (int64_t i = 0; i < taps.size(); ++i, to += inner) {
      const float* a = from + taps.first[i] * inner;
      const float* b = from + taps.second[i] * inner;
      const float w = taps.weight[i];
      for (int64_t k = 0; k < inner; ++k) to[k] = a[k] + w * (b[k] - a[k]);
    }
  }
  return output;
}

}  // namespace

Volume read_volume(const std::string& path) {
  const auto image = read_oriented(path);
  const auto size = image->GetLargestPossibleRegion().GetSize();
  const auto spacing = image->GetSpacing();
  Volume volume;
  for (int axis = 0; axis < 3; ++axis) {
    volume.spacing[axis] = spacing[2 - axis];
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
  replace_non_finite(path, volume.voxels);
  return volume;
}

void write_volume(const std::string& path, const Volume& volume) {
  TORCH_CHECK(volume.voxels.dim() == 3, "a volume is [D, H, W]");
  using Stored = itk::Image<int16_t, 3>;
  const auto voxels = volume.voxels.to(torch::kFloat32).contiguous();
  auto image = Stored::New();
  Stored::SizeType size;
  Stored::SpacingType spacing;
  for (int axis = 0; axis < 3; ++axis) {
    size[axis] = static_cast<itk::SizeValueType>(voxels.size(2 - axis));
    spacing[axis] = volume.spacing[2 - axis];
  }
  image->SetRegions(size);
  image->SetSpacing(spacing);
  image->Allocate();
  const float* from = voxels.data_ptr<float>();
  std::transform(from, from + voxels.numel(), image->GetBufferPointer(),
                 [](float value) {
                   return static_cast<int16_t>(
                       std::lround(std::clamp(value, -32768.0f, 32767.0f)));
                 });
  auto writer = itk::ImageFileWriter<Stored>::New();
  writer->SetImageIO(itk::NiftiImageIO::New());
  writer->SetFileName(path);
  writer->SetInput(image);
  try {
    writer->Update();
  } catch (const itk::ExceptionObject& error) {
    throw DataError(path, fmt::format("cannot be written ({}); check the "
                                      "folder and the free space",
                                      error.GetDescription()));
  }
}

Volume resample(const Volume& volume, const std::array<double, 3>& spacing) {
  constexpr double kTolerance = 0.01;
  constexpr double kMaxVoxels = 2147483648.0;
  Volume result{volume.voxels.contiguous(), volume.spacing};
  std::array<int64_t, 3> sizes;
  double count = 1;
  for (int axis = 0; axis < 3; ++axis) {
    if (!(spacing[axis] > 0 && std::isfinite(spacing[axis]))) {
      throw ConfigError(fmt::format("spacing: {} mm is not a positive number",
                                    spacing[axis]));
    }
    const double extent = static_cast<double>(volume.voxels.size(axis)) *
                          volume.spacing[axis] / spacing[axis];
    count *= std::max(1.0, extent);
    sizes[axis] = std::max<int64_t>(1, std::llround(std::min(extent, 1e9)));
  }
  if (count > kMaxVoxels) {
    throw Error(fmt::format(
        "resampling {}x{}x{} voxels of {}x{}x{} mm to {}x{}x{} mm would give "
        "{:.3g} voxels (2^31 are allowed); choose a coarser spacing",
        volume.voxels.size(0), volume.voxels.size(1), volume.voxels.size(2),
        volume.spacing[0], volume.spacing[1], volume.spacing[2], spacing[0],
        spacing[1], spacing[2], count));
  }
  for (int axis = 0; axis < 3; ++axis) {
    const double step = spacing[axis] / volume.spacing[axis];
    if (std::abs(step - 1) <= kTolerance) continue;
    const LinearTaps taps(volume.voxels.size(axis), sizes[axis], step);
    result.voxels = interpolate_axis(result.voxels, axis, taps);
    result.spacing[axis] = spacing[axis];
  }
  return result;
}

}  // namespace unimiss::io
