#include "unimiss/task/saved_network.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "unimiss/augment/spatial_transform.h"
#include "unimiss/config/fields.h"
#include "unimiss/core/error.h"
#include "unimiss/io/durable_file.h"
#include "unimiss/io/tensor_archive.h"
#include "unimiss/model/weight_transfer.h"
#include "unimiss/task/final_weights.h"

namespace unimiss::task {
namespace {

namespace fs = std::filesystem;

// What the metadata of exported weights tell: the configuration, as text, and
// the names of the classes, as a JSON array.
constexpr const char* kConfigFact = "config";
constexpr const char* kClassesFact = "classes";

/// What a training did to its samples, of which a prediction may use the axes
/// that were mirrored.
struct StoredAugmentation {
  augment::SpatialTransformOptions spatial;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("spatial", self.spatial, "");
  }
};

/// The arithmetic it was trained in.
struct StoredRun {
  Precision precision = Precision::kFp32;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("precision", self.precision, "");
  }
};

/// What a prediction reads of the configuration of a fine-tuning.
struct StoredConfig {
  StoredRun run;
  TaskOptions task;
  model::MitOptions model = volumes_only();
  ClassifierOptions classifier;
  CaseOptions data;
  StoredAugmentation augmentation;
  FinalWeightOptions validation;
  eval::SlidingWindowOptions inference;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("run", self.run, "");
    visit("task", self.task, "");
    visit("model", self.model, "");
    visit("classifier", self.classifier, "", was("head"));
    visit("data", self.data, "");
    visit("augmentation", self.augmentation, "");
    visit("validation", self.validation, "");
    visit("inference", self.inference, "");
  }
};

/// `name` stands for the text in messages.
StoredConfig read_config(const std::string& text, const std::string& name) {
  StoredConfig config;
  config::read_known(config::parse_yaml(text, name), config);
  return config;
}

std::string metadata_of(const std::string& file, const io::Metadata& metadata,
                        const char* name) {
  const auto found = metadata.find(name);
  if (found == metadata.end()) {
    throw DataError(file, fmt::format("does not tell its {}: these are not the "
                                      "weights of a fine-tuning; name the "
                                      "folder of a run of unimiss-finetune",
                                      name));
  }
  return found->second;
}

std::vector<std::string> classes_of(const std::string& file,
                                    const io::Metadata& metadata) {
  const auto json = nlohmann::json::parse(
      metadata_of(file, metadata, kClassesFact), nullptr, false);
  std::vector<std::string> classes;
  for (const auto& name : json) {
    if (!name.is_string()) break;
    classes.push_back(name.get<std::string>());
  }
  if (!json.is_array() || classes.empty() || classes.size() != json.size()) {
    throw DataError(file, "tells no names of classes");
  }
  return classes;
}

/// The weights that a finished run was tested with.
std::string weights_of(const std::string& run) {
  std::error_code missing;
  if (fs::exists(run + "/export/student.safetensors", missing)) {
    throw DataError(run,
                    "is a pretraining, which tells no classes; fine-tune "
                    "it first: unimiss-finetune ... init.weights=" +
                        run);
  }
  const std::string config = run + "/config.yaml";
  std::ifstream file(config);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file || text.empty()) {
    throw DataError(run,
                    "holds no config.yaml, so it is no run; name the "
                    "folder of a fine-tuning that has finished");
  }
  std::string weights =
      final_weights_file(run, read_config(text, config).validation);
  std::error_code ignored;
  if (!fs::exists(weights, ignored)) {
    throw DataError(run, "has not finished (there is no " + weights +
                             "); let it, or name a file of its export/");
  }
  return weights;
}

/// What two networks of an ensemble must have in common.
std::string meaning_of(const TaskSpec& spec) {
  return fmt::format("{}D, {}, classes {}, label values {}, {} modalities",
                     spec.rank(), spec.target.name(), spec.classes,
                     spec.label_values, spec.cases.modalities);
}

}  // namespace

SavedNetwork load_saved_network(const std::string& path, torch::Device device) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    throw DataError(path,
                    "does not exist; name the folder of a fine-tuning that "
                    "has finished, or a file of its export/");
  }
  SavedNetwork saved;
  saved.file = fs::is_directory(path, ignored) ? weights_of(path) : path;
  const io::Metadata metadata = io::load_metadata(saved.file);
  const StoredConfig config =
      read_config(metadata_of(saved.file, metadata, kConfigFact), saved.file);
  const auto classes = classes_of(saved.file, metadata);
  const io::FileDigest digest = io::digest_of(saved.file);
  saved.digest = fmt::format("{:08x}, {} bytes", digest.crc32, digest.bytes);
  saved.task = make_task(spec_of(config, classes));
  load_weights(saved.file, *saved.task);
  saved.task->module().to(device);
  return saved;
}

void check_ensemble(const std::vector<SavedNetwork>& networks) {
  const std::string first = meaning_of(networks.at(0).task->spec());
  for (const SavedNetwork& network : networks) {
    const std::string other = meaning_of(network.task->spec());
    if (other == first) continue;
    throw ConfigError(fmt::format(
        "{}: is of another task ({}) than {} ({}); only networks of one task "
        "predict together",
        network.file, other, networks[0].file, first));
  }
}

void load_weights(const std::string& file, Task& task) {
  const io::TensorMap weights = io::load_tensors(file);
  const auto own = task.official_weights();
  for (const model::Misfit& misfit : model::misfits_of(weights, own)) {
    if (misfit.kind == model::Misfit::Kind::kSurplus) continue;
    throw DataError(file,
                    "lacks '" + misfit.name + "', or has it in another shape");
  }
  model::copy_weights(weights, own);
}

std::map<std::string, std::string> network_facts(
    const std::string& config_text, const std::vector<std::string>& classes) {
  return {{kConfigFact, config_text},
          {kClassesFact, nlohmann::json(classes).dump()}};
}

}  // namespace unimiss::task
