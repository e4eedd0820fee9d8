#pragma once

#include <string>

#include "io/itk_image.h"

namespace unimiss::io {

/// The slices of the one CT series that a folder of DICOM files holds, as HU.
///
/// Colour images, files that are not DICOM and DICOM files without pixels (a
/// DICOMDIR, reports) are left out with a warning.
/// Throws DataError naming the file or the folder: for a damaged slice, for
/// several series, and for slices that do not form one regular grid (other
/// sizes, spacings or orientations, a missing or repeated slice, a tilted
/// gantry) or lack the tags that say so.
ItkImage::Pointer read_dicom_series(const std::string& folder);

}  // namespace unimiss::io
