#include "io/dicom_series.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <map>
#include <vector>

#include "io/dicom_file.h"
#include "unimiss/core/error.h"
#include "unimiss/core/log.h"
#include "unimiss/io/volume.h"

namespace unimiss::io {
namespace {

namespace fs = std::filesystem;
using Vector = std::array<double, 3>;

double dot(const Vector& a, const Vector& b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}
Vector cross(const Vector& a, const Vector& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2],
          a[0] * b[1] - a[1] * b[0]};
}
Vector difference(const Vector& a, const Vector& b) {
  return {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
}
double norm(const Vector& a) { return std::sqrt(dot(a, a)); }

struct Slice {
  std::string path;
  DicomImage image;
  double along = 0;  ///< mm along the normal of the slices
};

/// The grey images of a folder; the other files are left out with a warning.
std::vector<Slice> read_slices(const std::string& folder) {
  std::vector<Slice> slices;
  std::string left_out;
  int64_t others = 0;
  for (const std::string& path : volume_files(folder)) {
    if (is_dicom_file(path) && fs::path(path).filename() != "DICOMDIR") {
      DicomImage image = read_dicom_file(path, DicomUse::kSlice);
      if (image.samples == 1) {
        slices.push_back({path, std::move(image)});
        continue;
      }
    }
    if (++others == 1) left_out = fs::path(path).filename().string();
  }
  if (slices.empty()) {
    throw DataError(folder,
                    "the folder holds no DICOM slices; name the folder "
                    "that has the files of one series");
  }
  if (others > 0) {
    log_warning(
        fmt::format("{}: {} files that are no grey DICOM images are "
                    "left out ({}{})",
                    folder, others, left_out, others > 1 ? ", ..." : ""));
  }
  return slices;
}

void require_one_series(const std::string& folder,
                        const std::vector<Slice>& slices) {
  std::map<std::string, int64_t> series;
  for (const Slice& slice : slices) ++series[slice.image.series];
  if (series.size() == 1) return;
  std::string counts;
  for (const auto& [uid, count] : series) {
    counts += fmt::format("{}{} slices of {}", counts.empty() ? "" : ", ",
                          count, uid.empty() ? "none" : uid);
  }
  throw DataError(folder,
                  fmt::format("the folder holds {} series ({}); give each a "
                              "folder of its own",
                              series.size(), counts));
}

/// Throws unless the slice says where it lies, and as its first one does.
void check_geometry(const Slice& slice, const Slice& first) {
  const DicomImage &image = slice.image, &reference = first.image;
  const auto lacks = [&](const char* tag) {
    throw DataError(slice.path, fmt::format("has no {}: where its pixels lie "
                                            "is unknown; export it again",
                                            tag));
  };
  if (!image.pixel_spacing) lacks("PixelSpacing (0028,0030)");
  if (!image.position) lacks("ImagePositionPatient (0020,0032)");
  if (!image.orientation) lacks("ImageOrientationPatient (0020,0037)");
  for (const double spacing : *image.pixel_spacing) {
    if (!(spacing > 0)) {
      throw DataError(slice.path, fmt::format("PixelSpacing {} mm is not a "
                                              "positive number; correct it",
                                              spacing));
    }
  }
  const auto differs = [](const auto& a, const auto& b, double tolerance) {
    for (size_t i = 0; i < a.size(); ++i) {
      if (std::abs(a[i] - b[i]) > tolerance) return true;
    }
    return false;
  };
  const char* what = nullptr;
  if (image.rows != reference.rows || image.columns != reference.columns) {
    what = "another size";
  } else if (differs(*image.pixel_spacing, *reference.pixel_spacing,
                     1e-3 * (*reference.pixel_spacing)[0])) {
    what = "another PixelSpacing";
  } else if (differs(*image.orientation, *reference.orientation, 1e-3)) {
    what = "another orientation";
  }
  if (what != nullptr) {
    throw DataError(slice.path,
                    fmt::format("has {} than {}; put what belongs together "
                                "into a folder of its own",
                                what, first.path));
  }
}

struct Axes {
  Vector row, column, normal;  ///< along columns, along rows, across slices
};

Axes axes_of(const Slice& slice) {
  const auto& cosines = *slice.image.orientation;
  const Vector row{cosines[0], cosines[1], cosines[2]};
  const Vector column{cosines[3], cosines[4], cosines[5]};
  if (std::abs(norm(row) - 1) > 1e-3 || std::abs(norm(column) - 1) > 1e-3 ||
      std::abs(dot(row, column)) > 1e-3) {
    throw DataError(slice.path,
                    "ImageOrientationPatient is not a pair of "
                    "orthogonal directions; export it again");
  }
  return {row, column, cross(row, column)};
}

/// mm between slices in order, which must be regular and straight.
double slice_spacing(const std::vector<Slice>& slices, const Axes& axes) {
  const Slice &first = slices.front(), &last = slices.back();
  if (slices.size() == 1) {
    const double thickness = first.image.slice_thickness.value_or(0);
    if (!(thickness > 0)) {
      throw DataError(first.path,
                      "a single slice without SliceThickness "
                      "(0018,0050); export the whole series");
    }
    return thickness;
  }
  std::vector<double> gaps;
  for (size_t i = 1; i < slices.size(); ++i) {
    gaps.push_back(slices[i].along - slices[i - 1].along);
  }
  std::vector<double> sorted = gaps;
  std::sort(sorted.begin(), sorted.end());
  const double usual = sorted[sorted.size() / 2];
  if (usual <= 0.02) {
    throw DataError(slices[1].path,
                    fmt::format("lies where {} does (several scans in one "
                                "series?); give each scan a folder of its own",
                                slices[0].path));
  }
  for (size_t i = 1; i < slices.size(); ++i) {
    const double gap = gaps[i - 1];
    // Positions are rounded to hundredths of a mm by some scanners.
    if (std::abs(gap - usual) <= 0.05 * usual + 0.02) continue;
    const char* why =
        gap < 0.5 * usual ? "a repeated slice" : "a missing slice";
    throw DataError(slices[i].path,
                    fmt::format("lies {:.3f} mm behind {}, but {:.3f} mm is "
                                "usual ({}?); complete the series",
                                gap, slices[i - 1].path, usual, why));
  }
  const Vector offset = difference(*last.image.position, *first.image.position);
  const double limit =
      0.5 * *std::min_element(first.image.pixel_spacing->begin(),
                              first.image.pixel_spacing->end());
  if (std::abs(dot(offset, axes.row)) > limit ||
      std::abs(dot(offset, axes.column)) > limit) {
    throw DataError(first.path,
                    "the slices of the series are sheared (a "
                    "tilted gantry); straighten it first, e.g. "
                    "with dcm2niix");
  }
  return (last.along - first.along) / static_cast<double>(gaps.size());
}

}  // namespace

ItkImage::Pointer read_dicom_series(const std::string& folder) {
  std::vector<Slice> slices = read_slices(folder);
  require_one_series(folder, slices);
  for (const Slice& slice : slices) check_geometry(slice, slices.front());
  const Axes axes = axes_of(slices.front());
  for (Slice& slice : slices) {
    slice.along = dot(*slice.image.position, axes.normal);
  }
  std::sort(slices.begin(), slices.end(),
            [](const Slice& a, const Slice& b) { return a.along < b.along; });
  const DicomImage& first = slices.front().image;
  auto image = ItkImage::New();
  ItkImage::SizeType size;
  size[0] = static_cast<itk::SizeValueType>(first.columns);
  size[1] = static_cast<itk::SizeValueType>(first.rows);
  size[2] = slices.size();
  image->SetRegions(size);
  ItkImage::SpacingType spacing;
  spacing[0] = (*first.pixel_spacing)[1];
  spacing[1] = (*first.pixel_spacing)[0];
  spacing[2] = slice_spacing(slices, axes);
  image->SetSpacing(spacing);
  ItkImage::DirectionType direction;
  for (int i = 0; i < 3; ++i) {
    direction[i][0] = axes.row[i];
    direction[i][1] = axes.column[i];
    direction[i][2] = axes.normal[i];
  }
  image->SetDirection(direction);
  image->SetOrigin(first.position->data());
  image->Allocate();
  float* to = image->GetBufferPointer();
  for (const Slice& slice : slices) {
    to = std::copy(slice.image.intensities.begin(),
                   slice.image.intensities.end(), to);
  }
  return image;
}

}  // namespace unimiss::io
