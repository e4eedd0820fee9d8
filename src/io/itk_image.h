#pragma once

#include <itkImage.h>
#include <itkMultiThreaderBase.h>

#include <string>

/// Volumes before they are oriented, as ITK holds them: with their place in
/// the patient.
namespace unimiss::io {

/// Index axis 0 is the fastest; world coordinates run to the patient's left,
/// posterior and superior.
using ItkImage = itk::Image<float, 3>;

/// Whoever reads or writes many volumes does so on threads of their own.
inline void keep_itk_on_this_thread() {
  static const bool done = [] {
    itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(1);
    return true;
  }();
  static_cast<void>(done);
}

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
