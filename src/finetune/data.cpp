#include "finetune/data.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <utility>

#include "unimiss/core/error.h"
#include "unimiss/core/log.h"
#include "unimiss/data/case_list.h"
#include "unimiss/data/nnunet_dataset.h"
#include "unimiss/task/task_spec.h"
#include "unimiss/train/collected_errors.h"
#include "unimiss/train/file_fingerprint.h"
#include "unimiss/train/run_preparation.h"

namespace unimiss::finetune {
namespace {

namespace fs = std::filesystem;
using augment::Case;

std::vector<Case> read_lists(const FinetuneConfig& config,
                             const std::vector<std::string>& lists,
                             train::CollectedErrors& problems) {
  data::CaseListOptions options;
  options.target = config.task.target;
  options.classes = config.task.classes;
  options.modalities = config.data.modalities;
  options.paths = config.model.dimensions == model::Dimensions::k2d
                      ? data::ManifestPaths::kFiles
                      : data::ManifestPaths::kFilesAndFolders;
  std::vector<Case> cases;
  for (const std::string& list : lists) {
    problems.run([&] {
      for (Case& read : data::read_cases(list, options)) {
        cases.push_back(std::move(read));
      }
    });
  }
  return cases;
}

/// Of data.dataset.
void read_folder(const FinetuneConfig& config, FinetuneCases& cases) {
  const std::string& folder = config.data.dataset;
  data::NnunetDataset dataset = data::read_nnunet_dataset(folder);
  const augment::Target target = config.task.target;
  require(target.is_segmentation() && target.is_exclusive(), "task.target",
          "must be label_map for a folder in nnU-Net's layout (data.dataset)");
  require(
      static_cast<int64_t>(dataset.channels.size()) == config.data.modalities,
      "data.modalities",
      fmt::format("must be {}, the channels of {}/dataset.json (is {})",
                  dataset.channels.size(), folder, config.data.modalities));
  require(config.task.classes.empty() || config.task.classes == dataset.classes,
          "task.classes",
          fmt::format("are not those of {}/dataset.json ({}); leave them out, "
                      "or correct one of the two",
                      folder, fmt::join(dataset.classes, ", ")));
  cases.classes = dataset.classes;
  cases.train = std::move(dataset.training);
  // Without a label map there is nothing to compare with.
  for (Case& test : dataset.test) {
    if (!test.masks.empty()) cases.test.push_back(std::move(test));
  }
  if (cases.test.size() < dataset.test.size()) {
    log_info(
        fmt::format("{} test cases of {} have no label map and are not "
                    "tested on",
                    dataset.test.size() - cases.test.size(), folder));
  }
}

/// Every case once: a later one with the same images must agree.
void keep_each_once(std::vector<Case>& cases, const std::string& name) {
  std::map<std::string, const Case*> known;
  std::vector<Case> kept;
  for (const Case& each : cases) {
    const auto [first, added] = known.emplace(
        fs::path(each.images.front()).lexically_normal().string(), &each);
    const Case& earlier = *first->second;
    if (added) {
      kept.push_back(each);
    } else if (earlier.masks != each.masks || earlier.labels != each.labels) {
      throw DataError(each.images.front(),
                      "is in two of the lists to " + name +
                          " on, with different labels; correct one of them");
    } else {
      log_warning(
          fmt::format("{} is in two of the lists to {} on; it counts "
                      "once",
                      each.images.front(), name));
    }
  }
  cases = std::move(kept);
}

/// Results are kept by id.
void check_ids(const FinetuneCases& cases) {
  std::map<std::string, std::string> known;
  for (const auto* part : {&cases.train, &cases.validation, &cases.test}) {
    for (const Case& each : *part) {
      const auto [first, added] = known.emplace(each.id, each.images.front());
      if (!added && first->second != each.images.front()) {
        throw DataError(each.images.front(),
                        "and " + first->second + " are both called '" +
                            each.id + "'; rename one of the files");
      }
    }
  }
}

FinetuneCases list_cases(const FinetuneConfig& config) {
  FinetuneCases cases;
  cases.classes = config.task.classes;
  train::CollectedErrors problems;
  if (config.data.dataset.empty()) {
    require(!cases.classes.empty(), "task.classes",
            "are not given; name the classes (of a label_map the background "
            "first)");
    cases.train = read_lists(config, config.data.train, problems);
  } else {
    problems.run([&] { read_folder(config, cases); });
  }
  cases.validation = read_lists(config, config.data.validation_lists, problems);
  for (Case& test : read_lists(config, config.data.test, problems)) {
    cases.test.push_back(std::move(test));
  }
  problems.throw_if_any();
  keep_each_once(cases.train, "train");
  keep_each_once(cases.validation, "validate");
  keep_each_once(cases.test, "test");
  if (config.data.dataset.empty()) {
    data::name_cases({&cases.train, &cases.validation, &cases.test});
  }
  check_ids(cases);
  const auto& weights = config.loss.segmentation.class_weights;
  require(weights.empty() || weights.size() == cases.classes.size(),
          "loss.class_weights",
          fmt::format("must hold one number for each of the {} classes (has "
                      "{})",
                      cases.classes.size(), weights.size()));
  return cases;
}

std::vector<std::string> ids_of(const std::vector<Case>& cases) {
  std::vector<std::string> ids;
  ids.reserve(cases.size());
  for (const Case& each : cases) ids.push_back(each.id);
  return ids;
}

/// A file may give any case a part; only what is listed for training is
/// divided.
void check_listed(const std::vector<Case>& listed, const data::Split& split,
                  const std::string& file) {
  std::vector<std::string> known = ids_of(listed);
  std::sort(known.begin(), known.end());
  for (const auto* part : {&split.train, &split.validation}) {
    for (const std::string& id : *part) {
      if (std::binary_search(known.begin(), known.end(), id)) continue;
      throw DataError(file, "gives '" + id +
                                "' to training or validation, which is not "
                                "listed for training; correct one of the two");
    }
  }
}

/// Validation that is wanted must not be missing in silence.
void check_validation(const data::Split& split,
                      const data::SplitOptions& wanted,
                      const std::string& file) {
  if (!split.validation.empty() ||
      (wanted.validation_share == 0 && wanted.folds == 0)) {
    return;
  }
  throw DataError(file,
                  "gives no case to validation ('val' is empty); name some "
                  "there, or set data.validation_share to 0 to train without");
}

/// Divides what is listed for training, unless validation has lists of its own.
void divide(const FinetuneConfig& config, const std::string& splits_file,
            FinetuneCases& cases) {
  const auto& options = config.data;
  std::vector<Case> listed = std::move(cases.train);
  cases.listed = static_cast<int64_t>(listed.size());
  data::SplitOptions split = options.split;
  const bool own_lists = !options.validation_lists.empty();
  if (own_lists) split.validation_share = 0, split.folds = 0, split.fold = 0;
  std::vector<Case> all = listed;
  for (const auto* more : {&cases.validation, &cases.test}) {
    all.insert(all.end(), more->begin(), more->end());
  }
  if (fs::exists(splits_file)) {
    cases.split = data::read_split(splits_file, all);
  } else if (!options.splits.empty()) {
    cases.split = data::read_split(options.splits, all, options.split.fold);
  } else {
    with_key_prefix("data.",
                    [&] { cases.split = data::make_split(listed, split); });
  }
  if (own_lists) cases.split.validation.clear();
  const std::string& given =
      fs::exists(splits_file) ? splits_file : options.splits;
  check_listed(listed, cases.split, given);
  check_validation(cases.split, split, given);
  cases.train = data::select_cases(listed, cases.split.train);
  if (own_lists) {
    cases.split.validation = ids_of(cases.validation);
  } else {
    cases.validation = data::select_cases(listed, cases.split.validation);
  }
  cases.split.test = ids_of(cases.test);
}

}  // namespace

std::string FinetuneCases::fingerprint() const {
  train::FileFingerprint fingerprint;
  for (const auto* part : {&train, &validation, &test}) {
    for (const Case& each : *part) {
      fingerprint.add(each.id);
      for (const auto* files : {&each.images, &each.masks}) {
        for (const std::string& file : *files) fingerprint.add_file(file);
      }
      for (const int64_t label : each.labels) {
        fingerprint.add(std::to_string(label));
      }
    }
    fingerprint.add("");
  }
  return fingerprint.text();
}

FinetuneCases read_finetune_cases(const FinetuneConfig& config,
                                  const std::string& splits_file) {
  FinetuneCases cases = list_cases(config);
  divide(config, splits_file, cases);
  data::check_disjoint(cases.train, "train", cases.validation, "validation");
  data::check_disjoint(cases.train, "train", cases.test, "test");
  data::check_disjoint(cases.validation, "validation", cases.test, "test");
  return cases;
}

data::PatchSampling patch_sampling(const task::TaskSpec& spec,
                                   const AugmentationOptions& augmentation,
                                   double foreground) {
  data::PatchSampling sampling;
  sampling.target = spec.target;
  sampling.classes = spec.outputs();
  sampling.size = spec.patch();
  sampling.rank = spec.rank();
  sampling.foreground = foreground;
  sampling.labels = spec.cases.label_interpolation;
  sampling.spatial = augmentation.spatial;
  sampling.intensity = augmentation.intensity;
  return sampling;
}

FinetuneData open_finetune_data(const FinetuneConfig& config,
                                const FinetuneCases& cases,
                                const distributed::World& world) {
  std::vector<Case> all = cases.train;
  all.insert(all.end(), cases.validation.begin(), cases.validation.end());
  all.insert(all.end(), cases.test.begin(), cases.test.end());
  const task::TaskSpec spec = config.task_spec(cases.classes);
  const auto cache = std::make_shared<const data::CaseCache>(
      std::move(all), spec.decode_options(),
      data::DecodedCacheOptions{
          train::cache_folder(config.data.cache, config.run.output) + "/cases",
          config.data.cache_gib});
  const data::SourceSelection selection = data::select_sources(
      cache->entries(), "data", config.data.workers, config.data.on_error,
      config.data.max_bad, train::begin_of(world));
  const auto train = static_cast<int64_t>(cases.train.size());
  const auto validation = static_cast<int64_t>(cases.validation.size());
  FinetuneData data;
  data.cache = cache;
  std::string not_train;
  for (const data::BadSource& bad : selection.left_out) {
    data.left_out.push_back(bad.reason);
    // What is measured must not depend on what could be read.
    if (bad.source >= train) not_train += "\n  " + bad.reason;
  }
  if (!not_train.empty()) {
    throw DataError("data",
                    "cases to validate or test on cannot be used (only "
                    "training cases may be left out):" +
                        not_train);
  }
  require(!selection.usable.empty() && selection.usable.front() < train,
          "data.max_bad", "no case to train on is left");
  std::vector<Case> usable;
  for (const int64_t number : selection.usable) {
    if (number < train) {
      data.train.push_back(number);
      usable.push_back(cache->at(number));
    } else if (number < train + validation) {
      data.validation.push_back(number);
    } else {
      data.test.push_back(number);
    }
  }
  data.dataset = std::make_shared<const data::LabeledDataset>(
      std::move(usable),
      [cache, numbers = data.train](int64_t index) {
        return cache->get(numbers.at(index));
      },
      patch_sampling(spec, config.augmentation, config.data.foreground));
  return data;
}

}  // namespace unimiss::finetune
