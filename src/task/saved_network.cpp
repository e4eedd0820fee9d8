#include "unimiss/task/saved_network.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "unimiss/core/error.h"
#include "unimiss/finetune/initial_weights.h"
#include "unimiss/finetune/run.h"
#include "unimiss/io/durable_file.h"
#include "unimiss/io/tensor_archive.h"

namespace unimiss::task {
namespace {

namespace fs = std::filesystem;

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
      metadata_of(file, metadata, finetune::kClassesFact), nullptr, false);
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
std::string weights_of(const std::string& run, const ReadConfig& read_config) {
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
      finetune::final_weights_file(run, read_config(text, config).validation);
  std::error_code ignored;
  if (!fs::exists(weights, ignored)) {
    throw DataError(run, "has not finished (there is no " + weights +
                             "); let it, or name a file of its export/");
  }
  return weights;
}

/// What two networks of an ensemble must have in common.
std::string meaning_of(const SavedNetwork& network) {
  const auto& task = network.config.task;
  return fmt::format("{}D, {}, classes {}, label values {}, {} modalities",
                     network.config.rank(), enum_name(task.target),
                     network.classes, task.label_values,
                     network.config.data.modalities);
}

}  // namespace

CasePredictor SavedNetwork::predictor() const {
  return {config, classes, device, *network};
}

data::CaseDecodeOptions SavedNetwork::decode_options() const {
  return task::decode_options(config, static_cast<int64_t>(classes.size()));
}

MapFormat SavedNetwork::map_format() const {
  return {config.rank(), config.task.target, classes, config.task.label_values};
}

SavedNetwork load_saved_network(const std::string& path,
                                const ReadConfig& read_config,
                                torch::Device device) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    throw DataError(path,
                    "does not exist; name the folder of a fine-tuning that "
                    "has finished, or a file of its export/");
  }
  SavedNetwork saved;
  saved.device = device;
  saved.file =
      fs::is_directory(path, ignored) ? weights_of(path, read_config) : path;
  const io::Metadata metadata = io::load_metadata(saved.file);
  saved.config = read_config(
      metadata_of(saved.file, metadata, finetune::kConfigFact), saved.file);
  saved.classes = classes_of(saved.file, metadata);
  const io::FileDigest digest = io::digest_of(saved.file);
  saved.digest = fmt::format("{:08x}, {} bytes", digest.crc32, digest.bytes);
  saved.network = std::make_unique<TaskNetwork>(
      saved.config, static_cast<int64_t>(saved.classes.size()));
  finetune::load_network(saved.file, *saved.network);
  saved.network->module().to(device);
  return saved;
}

void check_ensemble(const std::vector<SavedNetwork>& networks) {
  const std::string first = meaning_of(networks.at(0));
  for (const SavedNetwork& network : networks) {
    const std::string other = meaning_of(network);
    if (other == first) continue;
    throw ConfigError(fmt::format(
        "{}: is of another task ({}) than {} ({}); only networks of one task "
        "predict together",
        network.file, other, networks[0].file, first));
  }
}

}  // namespace unimiss::task
