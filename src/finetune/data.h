#pragma once

#include <memory>
#include <string>
#include <vector>

#include "unimiss/data/case_cache.h"
#include "unimiss/data/labeled_dataset.h"
#include "unimiss/data/split.h"
#include "unimiss/distributed/world.h"
#include "unimiss/finetune/config.h"

/// From the lists or the folder of a fine-tuning's configuration to cases.
namespace unimiss::finetune {

/// Which cases there are, and what is to be told of them.
struct FinetuneCases {
  std::vector<std::string> classes;
  std::vector<augment::Case> train, validation, test;
  /// Of the training cases that data.label_ratio leaves out, too.
  int64_t listed = 0;
  data::Split split;

  int64_t outputs() const { return static_cast<int64_t>(classes.size()); }
  std::string fingerprint() const;
};

/// Reads the lists and divides them: as in `splits_file` where that is there,
/// else as data.splits, data.validation_lists or the shares say. Throws
/// DataError with everything that is wrong with any list, ConfigError for
/// classes or a division that cannot be.
FinetuneCases read_finetune_cases(const FinetuneConfig& config,
                                  const std::string& splits_file);

/// How the samples of a task are cut from its cases.
/// foreground: data.foreground.
data::PatchSampling patch_sampling(const task::TaskSpec& spec,
                                   const AugmentationOptions& augmentation,
                                   double foreground);

/// The cases with their voxels.
struct FinetuneData {
  /// All cases: those to train on that can be used, to validate on, to test.
  std::shared_ptr<const data::CaseCache> cache;
  std::vector<int64_t> train, validation, test;         ///< their numbers
  std::shared_ptr<const data::LabeledDataset> dataset;  ///< of train
  std::vector<std::string> left_out;  ///< cases that cannot be used, and why
};

/// Decodes into the cache what is not there yet. Throws DataError that names
/// every case at fault (data.on_error). Of several processes each begins at
/// another case.
FinetuneData open_finetune_data(const FinetuneConfig& config,
                                const FinetuneCases& cases,
                                const distributed::World& world = {});

}  // namespace unimiss::finetune
