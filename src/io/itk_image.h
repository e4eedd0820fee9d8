#pragma once

#include <itkImage.h>
#include <itkMultiThreaderBase.h>

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

}  // namespace unimiss::io
