#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace unimiss::io {

/// One slice or X-ray, decoded from a DICOM file.
struct DicomImage {
  int64_t rows = 0, columns = 0;
  /// Of a pixel. Only grey pixels are decoded (1); 0: DICOM without pixels.
  int64_t samples = 1;
  std::vector<float> intensities;  ///< row by row, rescaled (HU for CT)
  bool is_negative = false;        ///< MONOCHROME1: large values are dark
  std::string series;              ///< SeriesInstanceUID
  /// mm from row to row and from column to column; PixelSpacing, nothing else.
  std::optional<std::array<double, 2>> pixel_spacing;
  std::optional<double> slice_thickness;             ///< mm
  std::optional<std::array<double, 3>> position;     ///< of the first pixel
  std::optional<std::array<double, 6>> orientation;  ///< cosines: row, column

  /// The first VOI window, of intensities; of an X-ray only.
  struct Window {
    double center = 0, width = 1;
    std::string function = "LINEAR";  ///< or LINEAR_EXACT, SIGMOID
  };
  std::optional<Window> window;
};

/// Whether a file's first bytes or its name say DICOM.
bool is_dicom_file(const std::string& path);

/// What a file is read as: the window that a slice may hold does not matter.
enum class DicomUse { kSlice, kXray };

/// Reads any single-frame image DCMTK can decode. Throws DataError for a file
/// that is missing, damaged, truncated, not DICOM, or of several frames; sizes
/// are compared with the bytes present before memory is taken for them.
DicomImage read_dicom_file(const std::string& path, DicomUse use);

/// The intensities through the window of the file, in [0, 1] with bone bright
/// (DICOM PS3.3 C.11.2.1.2); without a window through their own range.
std::vector<float> windowed(const DicomImage& image);

}  // namespace unimiss::io
