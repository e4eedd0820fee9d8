#include "unimiss/data/split.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "data/problem_list.h"
#include "unimiss/core/error.h"
#include "unimiss/core/fields.h"
#include "unimiss/core/json_file.h"
#include "unimiss/core/random.h"
#include "unimiss/io/durable_file.h"

namespace unimiss::data {
namespace {

namespace fs = std::filesystem;

const std::string& patient_of(const augment::Case& of) {
  return of.patient.empty() ? of.id : of.patient;
}

/// The patients of each stratum, in the order in which they are drawn.
using Strata = std::map<int64_t, std::vector<std::string>>;

Strata draw_order(const std::vector<augment::Case>& cases, uint64_t seed) {
  std::map<std::string, std::set<int64_t>> labels;
  for (const augment::Case& each : cases) {
    labels[patient_of(each)].insert(each.labels.begin(), each.labels.end());
  }
  std::map<int64_t, size_t> patients;  // of each class
  for (const auto& [patient, classes] : labels) {
    for (const int64_t label : classes) ++patients[label];
  }
  Strata strata;
  for (const auto& [patient, classes] : labels) {
    const auto rarest = std::min_element(
        classes.begin(), classes.end(),
        [&](int64_t a, int64_t b) { return patients[a] < patients[b]; });
    strata[rarest == classes.end() ? -1 : *rarest].push_back(patient);
  }
  for (auto& [stratum, members] : strata) {
    // A patient's place is its own: it does not depend on the others.
    std::vector<std::pair<uint64_t, std::string>> drawn;
    for (std::string& patient : members) {
      const uint64_t place = Random({seed, fnv1a64(patient)}).bits();
      drawn.emplace_back(place, std::move(patient));
    }
    std::sort(drawn.begin(), drawn.end());
    for (size_t i = 0; i < drawn.size(); ++i) {
      members[i] = std::move(drawn[i].second);
    }
  }
  return strata;
}

/// Whether validation takes the patient at this place of all strata, one after
/// the other: at even distances, so that each stratum gives its share.
bool in_validation(int64_t place, const SplitOptions& options) {
  if (options.folds > 0) return place % options.folds == options.fold;
  const auto taken = [&](int64_t count) {
    return std::floor(static_cast<double>(count) * options.validation + 0.5);
  };
  return taken(place + 1) > taken(place);
}

/// The first patients of a stratum's training.
size_t kept(size_t patients, double ratio) {
  // 0.07 * 100 is a little more than 7.
  constexpr double kRounding = 1e-9;
  const double share = static_cast<double>(patients) * ratio;
  return std::max<size_t>(1, static_cast<size_t>(std::ceil(share - kRounding)));
}

std::vector<std::string> ids_of(
    const std::vector<augment::Case>& cases,
    const std::unordered_set<std::string>& patients) {
  std::vector<std::string> ids;
  for (const augment::Case& each : cases) {
    if (patients.contains(patient_of(each))) ids.push_back(each.id);
  }
  return ids;
}

/// The file itself, where links lead to it.
std::string real_path(const std::string& path) {
  std::error_code error;
  const fs::path real = fs::weakly_canonical(path, error);
  return error ? path : real.string();
}

/// Reads one fold of a list of splits.
class SplitReader {
 public:
  SplitReader(const std::vector<augment::Case>& cases, ProblemList& problems)
      : problems_(problems) {
    for (const augment::Case& each : cases) known_.insert(each.id);
  }

  std::vector<std::string> ids(const nlohmann::json& fold, const char* key) {
    const auto list = fold.find(key);
    if (list == fold.end() || !list->is_array()) {
      problems_.add(key, "is not there, as a list of ids");
      return {};
    }
    std::vector<std::string> ids;
    for (const auto& item : *list) {
      if (!item.is_string()) {
        problems_.add(key, item.dump() + " is no id, a text in quotes");
        continue;
      }
      ids.push_back(item.get<std::string>());
      const std::string& id = ids.back();
      const auto [first, added] = seen_.emplace(id, key);
      if (!known_.contains(id)) {
        problems_.add(key, fmt::format("no case has the id '{}'", id));
      } else if (!added) {
        problems_.add(key, fmt::format("'{}' is there twice, first in '{}'", id,
                                       first->second));
      }
    }
    return ids;
  }

 private:
  std::unordered_set<std::string> known_;
  std::unordered_map<std::string, const char*> seen_;
  ProblemList& problems_;
};

}  // namespace

void SplitOptions::check(Problems& problems) const {
  problems.in_range(validation, from_below(0, 1), "validation");
  problems.require(
      folds == 0 || folds >= 2, "folds",
      fmt::format("must be 0, for none, or at least 2 (is {})", folds));
  const int64_t last = folds > 0 ? folds - 1 : 0;
  problems.require(
      fold >= 0 && fold <= last, "fold",
      folds > 0 ? fmt::format("must be in [0, {}] (is {}; there are {} folds)",
                              last, fold, folds)
                : fmt::format("must be 0 without folds (is {}); say how many "
                              "folds there are",
                              fold),
      {"folds"});
  problems.in_range(label_ratio, from_above(0, 1), "label_ratio");
  problems.in_range(seed, at_least(0), "seed");
}

Split make_split(const std::vector<augment::Case>& cases,
                 const SplitOptions& options) {
  validate(options);
  const Strata strata = draw_order(cases, static_cast<uint64_t>(options.seed));
  std::unordered_set<std::string> train, validation;
  int64_t place = 0;
  for (const auto& [stratum, patients] : strata) {
    std::vector<std::string> learned;
    for (const std::string& patient : patients) {
      if (in_validation(place++, options)) {
        validation.insert(patient);
      } else {
        learned.push_back(patient);
      }
    }
    if (learned.empty()) continue;
    learned.resize(kept(learned.size(), options.label_ratio));
    train.insert(learned.begin(), learned.end());
  }
  require(place >= options.folds, "folds",
          fmt::format("are {}, but there are {} patients (each fold needs "
                      "one); ask for fewer",
                      options.folds, place));
  require(!train.empty(), "validation",
          fmt::format("leaves no training of {} patients (all of a patient's "
                      "cases stay together); lower it, or add cases",
                      place));
  require(options.folds > 0 || options.validation == 0 || !validation.empty(),
          "validation",
          fmt::format("takes none of {} patients (a share of {}, rounded); "
                      "raise it, add cases, or set it to 0",
                      place, options.validation));
  return {ids_of(cases, train), ids_of(cases, validation), {}};
}

std::vector<augment::Case> select_cases(const std::vector<augment::Case>& cases,
                                        const std::vector<std::string>& ids) {
  std::unordered_map<std::string, const augment::Case*> known;
  for (const augment::Case& each : cases) known.emplace(each.id, &each);
  std::vector<augment::Case> selected;
  for (const std::string& id : ids) {
    const auto found = known.find(id);
    TORCH_CHECK(found != known.end(), "no case has the id ", id);
    selected.push_back(*found->second);
  }
  return selected;
}

void check_disjoint(const std::vector<augment::Case>& a,
                    const std::string& name_a,
                    const std::vector<augment::Case>& b,
                    const std::string& name_b) {
  std::unordered_set<std::string> files, ids, patients;
  for (const augment::Case& each : a) {
    for (const std::string& path : each.images) files.insert(real_path(path));
    ids.insert(each.id);
    patients.insert(patient_of(each));
  }
  std::vector<std::string> shared;
  std::set<std::string> told;  // patients of many cases, once
  for (const augment::Case& each : b) {
    const auto file = std::find_if(each.images.begin(), each.images.end(),
                                   [&](const std::string& path) {
                                     return files.contains(real_path(path));
                                   });
    const std::string& patient = patient_of(each);
    if (file != each.images.end()) {
      shared.push_back("image " + *file);
    } else if (ids.contains(each.id)) {
      shared.push_back("id " + each.id);
    } else if (patients.contains(patient) && told.insert(patient).second) {
      shared.push_back("patient " + patient);
    }
  }
  if (shared.empty()) return;
  constexpr size_t kShown = 10;
  std::string text;
  for (size_t i = 0; i < std::min(shared.size(), kShown); ++i) {
    text += "\n  " + shared[i];
  }
  if (shared.size() > kShown) {
    text += fmt::format("\n  and {} more", shared.size() - kShown);
  }
  throw ConfigError(fmt::format(
      "{} and {}: {} of their images, ids or patients are in both (what has "
      "been learned cannot be tested); take them out of one, or rename what "
      "is not the same:{}",
      name_a, name_b, shared.size(), text));
}

Split read_split(const std::string& path,
                 const std::vector<augment::Case>& cases, int64_t fold) {
  const auto json = read_json<nlohmann::json>(path);
  const auto folds = json.is_array() ? static_cast<int64_t>(json.size()) : 0;
  if (folds == 0) {
    throw DataError(path,
                    "is no list of splits; write [{\"train\": [...], "
                    "\"val\": [...]}]");
  }
  if (fold < 0 || fold >= folds || !json[fold].is_object()) {
    throw DataError(path, fmt::format("has no fold {} (it has {}, from 0 on, "
                                      "each with a train and a val); correct "
                                      "it, or name another fold",
                                      fold, folds));
  }
  ProblemList problems;
  SplitReader reader(cases, problems);
  Split split{
      reader.ids(json[fold], "train"), reader.ids(json[fold], "val"), {}};
  if (json[fold].contains("test")) split.test = reader.ids(json[fold], "test");
  if (problems.empty() && split.train.empty()) {
    problems.add("train", "names no case");
  }
  problems.throw_if_any(path, "of its keys or ids cannot be used");
  return split;
}

void write_split(const std::string& path, const Split& split) {
  auto fold = nlohmann::ordered_json::object();
  fold["train"] = split.train;
  fold["val"] = split.validation;
  if (!split.test.empty()) fold["test"] = split.test;
  const auto list = nlohmann::ordered_json::array({fold});
  io::write_durably(path, list.dump(2) + "\n");
}

}  // namespace unimiss::data
