#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "predict/temporary_file.h"
#include "unimiss/augment/case.h"
#include "unimiss/io/volume.h"
#include "unimiss/task/prediction_files.h"

namespace unimiss::predict {

/// The probabilities of a case, one volume (or 16-bit image) for each class.
/// They come slice by slice, all classes at once, and leave class by class: in
/// between they wait on the disk, so that memory holds one class only.
class ClassVolumes {
 public:
  /// Keeps what it is given in temporary files in `folder`.
  ClassVolumes(const std::string& folder, int64_t classes);

  /// [K, H, W] float32, slices in ascending order. Throws DataError where the
  /// disk is full.
  void add(const torch::Tensor& probabilities);
  /// Writes folder/CLASS.nii.gz (or as its input's format) for each class.
  /// Throws DataError.
  std::vector<std::string> write(const task::TaskSpec& spec,
                                 const augment::Case& of,
                                 const io::Volume& grid);

 private:
  std::string folder_;
  std::vector<File> files_;
};

/// The names of these files below the folder.
std::vector<std::string> class_volume_files(const task::TaskSpec& spec,
                                            const augment::Case& of);

}  // namespace unimiss::predict
