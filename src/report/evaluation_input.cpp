#include "report/evaluation_input.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <set>

#include "unimiss/core/problems.h"
#include "unimiss/data/case_list.h"
#include "unimiss/data/input_cases.h"
#include "unimiss/io/formats.h"
#include "unimiss/report/case_files.h"

namespace unimiss::report {
namespace {

namespace fs = std::filesystem;

/// What a folder of predictions holds besides them.
const std::set<std::string> kBesidePredictions{
    "predict.json", "predictions.csv", "cases",      "probabilities",
    "overlays",     "summary.json",    "summary.md", "summary.csv"};

bool is_list_file(const std::string& path) {
  std::error_code ignored;
  return data::is_list_name(path) && !fs::is_directory(path, ignored);
}

/// The predict.json of a folder, or of the folder of a CSV file.
std::string task_file(const std::string& predictions) {
  std::error_code ignored;
  const fs::path folder = fs::is_directory(predictions, ignored)
                              ? fs::path(predictions)
                              : fs::path(predictions).parent_path();
  return (folder / "predict.json").string();
}

/// What a request does not say is as the file has it; nothing may differ.
template <class Value>
void agree(Value& given, const Value& stored, const char* option,
           const std::string& file) {
  require(given == Value() || given == stored, option,
          "differs from what " + file +
              " says of these predictions; leave the option out, or name the "
              "folder that you mean");
  given = stored;
}

void read_task(const std::string& file, std::optional<augment::Target>& target,
               PredictedTask& task) {
  const std::optional<PredictedTask> stored = read_predicted_task(file);
  if (!stored) {
    throw ConfigError(file +
                      ": is damaged, or not of unimiss-predict; take it away "
                      "and give --target and --classes");
  }
  agree(target, std::optional(stored->target), "--target", file);
  agree(task.classes, stored->classes, "--classes", file);
  agree(task.label_values, stored->label_values, "--label-values", file);
}

void check_task(const PredictedTask& task) {
  const auto count = task.classes.size();
  if (task.target.is_segmentation()) {
    require(count > 0, "--classes",
            "are needed, as the predictions have no predict.json: " +
                std::string(task.target.is_exclusive()
                                ? "--classes background,liver,..."
                                : "the folders of the structures"));
  }
  if (count > 0) {
    data::CaseListOptions options;
    options.target = task.target;
    options.classes = task.classes;
    with_key_prefix("--", [&] { validate(options); });
  }
  const bool label_map = task.target.background_classes() > 0;
  if (label_map) {
    require(count <= 256, "--classes", "must be at most 256");
  }
  const auto& values = task.label_values;
  require(values.empty() || label_map, "--label-values",
          "are of use for label maps only");
  require(values.empty() || values.size() == count, "--label-values",
          fmt::format("must be one for each class (are {}, of {} classes)",
                      values.size(), count));
  require(std::set(values.begin(), values.end()).size() == values.size(),
          "--label-values", "has a value twice");
}

/// By the names of the files in a folder.
int rank_of_folder(const std::string& folder) {
  bool images = false, volumes = false;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const io::FileFormat* format = io::find_format(name);
    images = images ||
             (format != nullptr && format->rank == 2 && format->is_written());
    volumes = volumes || io::is_read_as(name, 3);
  }
  require(!error, folder, "cannot be read (" + error.message() + ")");
  require(images || volumes, folder,
          fmt::format("holds no label maps ({}, {})", io::endings_written(2),
                      io::endings_read(3)));
  require(!images || !volumes, folder,
          "holds images and volumes; put them into folders of their own");
  return volumes ? 3 : 2;
}

FilesOfCases files_of(const std::string& folder, int rank,
                      const PredictedTask& task) {
  return files_of_cases(folder, rank, task.target, task.classes,
                        kBesidePredictions);
}

FilesOfCases listed_masks(const EvaluationRequest& request, int rank,
                          const PredictedTask& task) {
  data::CaseListOptions options;
  options.target = task.target;
  options.classes = task.classes;
  options.modalities = request.modalities;
  options.paths = rank == 2 ? data::ManifestPaths::kFiles
                            : data::ManifestPaths::kFilesAndFolders;
  FilesOfCases files;
  for (const augment::Case& each :
       data::read_cases(request.references, options)) {
    files[each.id] = each.masks;
  }
  return files;
}

/// What a side lacks of a case; empty: nothing.
std::string what_lacks(const FilesOfCases& side, const std::string& id,
                       const PredictedTask& task, const std::string& what,
                       const std::string& where) {
  const auto found = side.find(id);
  if (found == side.end()) {
    return fmt::format("has no {} in {}", what, where);
  }
  std::vector<std::string> without;
  for (size_t i = 0; i < found->second.size(); ++i) {
    if (found->second[i].empty()) without.push_back(task.classes[i]);
  }
  if (without.empty()) return "";
  return fmt::format("has no {} of {} in {}", what, fmt::join(without, ", "),
                     where);
}

}  // namespace

PredictedTask evaluation_task(const EvaluationRequest& request) {
  std::error_code ignored;
  require(fs::exists(request.predictions, ignored), "--predictions",
          request.predictions + " does not exist");
  require(fs::exists(request.references, ignored), "--references",
          request.references + " does not exist");
  PredictedTask task{{}, request.classes, request.label_values};
  std::optional<augment::Target> target = request.target;
  const std::string file = task_file(request.predictions);
  if (fs::exists(file, ignored)) read_task(file, target, task);
  const bool folder = fs::is_directory(request.predictions, ignored);
  task.target = target.value_or(folder ? augment::TargetKind::kLabelMap
                                       : augment::TargetKind::kClass);
  require(folder || !task.target.is_segmentation(), "--predictions",
          "must be the folder of the label maps");
  check_task(task);
  return task;
}

MapPairs map_pairs(const EvaluationRequest& request,
                   const PredictedTask& task) {
  return before_work([&] {
    MapPairs pairs;
    pairs.rank = rank_of_folder(
        map_folders(request.predictions, task.target, task.classes).front());
    const auto predictions = files_of(request.predictions, pairs.rank, task);
    const auto references =
        is_list_file(request.references)
            ? listed_masks(request, pairs.rank, task)
            : files_of(request.references, pairs.rank, task);
    require(!references.empty(), request.references, "holds no label maps");
    std::set<std::string> ids;
    for (const auto& [id, files] : predictions) ids.insert(id);
    for (const auto& [id, files] : references) ids.insert(id);
    for (const std::string& id : ids) {
      std::string lacks =
          what_lacks(predictions, id, task, "prediction", request.predictions);
      const std::string other =
          what_lacks(references, id, task, "reference", request.references);
      if (!lacks.empty() && !other.empty()) lacks += "; ";
      lacks += other;
      if (lacks.empty()) {
        pairs.complete.push_back({id, predictions.at(id), references.at(id)});
      } else {
        pairs.incomplete.push_back({id, lacks});
      }
    }
    return pairs;
  });
}

}  // namespace unimiss::report
