#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "unimiss/augment/case.h"
#include "unimiss/augment/patch.h"
#include "unimiss/data/decoded_cache.h"
#include "unimiss/data/normalization.h"
#include "unimiss/io/volume.h"

/// From the files of a case to voxels on the grid that a network sees.
namespace unimiss::data {

struct CaseDecodeOptions {
  int rank = 3;            ///< 3: volumes, 2: images
  int64_t channels = 1;    ///< of the network's input
  int64_t modalities = 1;  ///< files of a case; an image has 1 or 3 channels
  augment::Target target;
  int64_t classes = 2;  ///< or structures
  /// The value of each class in the files of a label map; empty: 0, 1, 2, ...
  std::vector<int64_t> label_values;
  NormalizationOptions normalization;
  std::optional<std::array<double, 3>> spacing;  ///< of volumes, mm
  std::vector<int64_t> size;  ///< or the extents of whole cases, ([D,] H, W)
  augment::LabelInterpolation labels = augment::LabelInterpolation::kNearest;

  bool operator==(const CaseDecodeOptions&) const = default;
};

/// Reads a case: all images, of one geometry, normalised on their own grid,
/// then brought to the network's by linear interpolation (along axes of images
/// that shrink: by averaging areas); labels by their own rule. Grey images are
/// repeated where the network takes colours; of colour images the luma is taken
/// where it takes grey. What lies beyond the 16 units that are stored is
/// clipped, with a warning for each file. Everything runs on the calling
/// thread.
///
/// Throws DataError naming the file: one that cannot be read; another geometry
/// than the first image's (check_geometry(); a file stored in other axes is
/// re-oriented, never taken as it is); labels that are no whole numbers or no
/// class; masks with more than one value but 0; a wrong number of channels; a
/// grid of more than 2^29 voxels.
augment::CaseVoxels decode_case(const augment::Case& from,
                                const CaseDecodeOptions& options);

/// What a prediction is compared with and where it lies: the case's own grid.
struct CaseReference {
  torch::Tensor map;  ///< int16 [D, H, W], as CaseVoxels::map; undefined: none
  io::Volume grid;    ///< its voxels are those of the first image, as read
  /// Per axis the spacing of this grid by that of the network's: voxel i lies
  /// at (i + 1/2) scale - 1/2 of CaseVoxels.
  std::array<double, 3> scale{1, 1, 1};
};
/// Throws as decode_case() does.
CaseReference read_case_reference(const augment::Case& from,
                                  const CaseDecodeOptions& options);

/// decode_case() and read_case_reference() of one reading of the files.
struct CaseOnBothGrids {
  augment::CaseVoxels voxels;
  /// The grid's voxels are the first channel, normalised.
  CaseReference own;
  /// The channels of the first file, likewise, float32 [n, D, H, W].
  torch::Tensor image;
};
CaseOnBothGrids read_case(const augment::Case& from,
                          const CaseDecodeOptions& options);

/// Cases decoded once: see DecodedCache, whose guarantees hold. An entry holds
/// the image's channels and the map of a case.
class CaseCache {
 public:
  /// Throws DataError for two cases with the same first image and other files,
  /// and as DecodedCache does.
  CaseCache(std::vector<augment::Case> cases, const CaseDecodeOptions& options,
            const DecodedCacheOptions& cache);

  int64_t size() const { return static_cast<int64_t>(cases_.size()); }
  const augment::Case& at(int64_t number) const { return cases_.at(number); }
  const CaseDecodeOptions& options() const { return options_; }
  /// On the mapped entry: read it only.
  augment::CaseVoxels get(int64_t number) const;
  const DecodedCache& entries() const { return cache_; }

 private:
  std::vector<augment::Case> cases_;
  CaseDecodeOptions options_;
  DecodedCache cache_;
};

}  // namespace unimiss::data
