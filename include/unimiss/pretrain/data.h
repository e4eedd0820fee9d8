#pragma once

#include <memory>
#include <string>
#include <vector>

#include "unimiss/data/loader.h"
#include "unimiss/distributed/world.h"
#include "unimiss/pretrain/config.h"

/// From the lists of a configuration to streams of batches.
namespace unimiss::pretrain {

/// One kind of data: images or volumes. Without a list all of it is empty.
struct DataStream {
  std::shared_ptr<const data::Dataset> dataset;
  std::vector<data::SampleSource> sources;  ///< one a list
  int64_t files = 0;                        ///< that can be used
  std::vector<std::string> left_out;        ///< the others, and why
  /// Of names, sizes and order of the files that can be used and of the lists
  /// they come from; a data set that moved as a whole keeps it.
  std::string fingerprint = "none";
  std::unique_ptr<data::Loader> loader;

  int64_t samples() const { return dataset ? dataset->size() : 0; }
};

/// Where the batches are needed: a GPU gets them from page-locked memory.
enum class BatchTarget { kCpu, kGpu };

/// The augmentation with the sizes of the model.
augment::ImageTransformOptions image_transforms(const PretrainConfig& config);
augment::VolumeTransformOptions volume_transforms(const PretrainConfig& config);

/// The paths of all lists in order, and how many each holds.
struct ListedFiles {
  std::vector<std::string> paths;
  std::vector<int64_t> counts;
};
struct PretrainLists {
  ListedFiles images, volumes;
};
/// Reads all lists of both kinds. Throws DataError with everything that is
/// wrong with any of them, ConfigError for weights that do not fit.
PretrainLists read_lists(const PretrainConfig& config);

/// Where decoded files are kept.
std::string cache_folder(const PretrainConfig& config);

struct PretrainData {
  DataStream images, volumes;
};
/// Decodes into the cache what is not there yet, with progress in the log.
/// Throws DataError that names every file of both kinds at fault
/// (data.on_error), ConfigError where leaving out files has emptied a weighted
/// list. Of several processes each begins at another place of the lists.
PretrainData open_data(const PretrainConfig& config, const PretrainLists& lists,
                       const distributed::World& world = {});

/// Starts the workers that prepare a stream's batches, of several processes the
/// part of this one; nothing where it has no data.
void start_workers(PretrainData& data, const PretrainConfig& config,
                   BatchTarget target, const distributed::World& world = {});

}  // namespace unimiss::pretrain
