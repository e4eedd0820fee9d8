#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "testing/temporary_directory.h"
#include "unimiss/data/case_cache.h"
#include "unimiss/io/image.h"
#include "unimiss/io/volume_writer.h"

/// Files of small cases, and how they are decoded.
namespace unimiss::data {

/// Writes the files of cases.
class CaseFiles {
 public:
  std::string path(const std::string& name) const { return folder_.file(name); }

  /// Of 1 x 2 x 3 mm at (5, -7, 100), unless told otherwise.
  std::string volume(
      const std::string& name, const torch::Tensor& voxels,
      const std::function<void(io::Volume&)>& change = {}) const {
    io::Volume written{voxels, {1, 2, 3}, {5, -7, 100}};
    if (change) change(written);
    io::write_volume(path(name), written);
    return path(name);
  }
  std::string image(const std::string& name,
                    const torch::Tensor& pixels) const {
    io::write_png(path(name), pixels);
    return path(name);
  }

 private:
  unimiss::testing::TemporaryDirectory folder_;
};

inline augment::Case case_of(std::vector<std::string> images,
                             std::vector<std::string> masks = {}) {
  return {"case", std::move(images), std::move(masks), {0}, ""};
}

inline CaseDecodeOptions decode_options(
    int rank, augment::TargetKind target,
    const std::function<void(CaseDecodeOptions&)>& change = {}) {
  CaseDecodeOptions options;
  options.rank = rank;
  options.target = target;
  options.normalization.rule = NormalizationRule::kUnit;
  if (change) change(options);
  return options;
}

/// 0, 1, 2, ...
inline torch::Tensor counted(at::IntArrayRef sizes) {
  int64_t count = 1;
  for (const int64_t size : sizes) count *= size;
  return torch::arange(count, torch::kFloat).view(sizes);
}

}  // namespace unimiss::data
