#include "unimiss/predict/prediction.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "predict/case_prediction.h"
#include "predict/inference_settings.h"
#include "unimiss/core/error.h"
#include "unimiss/core/error_message.h"
#include "unimiss/core/log.h"
#include "unimiss/core/stopwatch.h"
#include "unimiss/core/text.h"
#include "unimiss/data/input_cases.h"
#include "unimiss/io/durable_file.h"
#include "unimiss/report/case_files.h"

namespace unimiss::predict {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

void set_inference(const PredictionRequest& request, task::Task& network) {
  const task::TaskSpec& spec = network.spec();
  const Precision precision = request.precision.value_or(spec.precision);
  require(precision != Precision::kFp16 || network.device().is_cuda(),
          "--precision", "fp16 needs a GPU; use bf16 or fp32 on a CPU");
  network.set_inference(
      inference_settings(request, spec.inference, spec.mirrored, spec.rank()),
      precision);
}

std::vector<task::SavedNetwork> load_networks(
    const PredictionRequest& request) {
  require(!request.models.empty(), "--model", "is not given");
  const torch::Device device = choose_device(request.device);
  std::vector<task::SavedNetwork> networks;
  for (const std::string& model : request.models) {
    networks.push_back(
        before_work([&] { return task::load_saved_network(model, device); }));
    set_inference(request, *networks.back().task);
  }
  task::check_ensemble(networks);
  for (size_t i = 0; i < networks.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      require(networks[i].digest != networks[j].digest, "--model",
              networks[j].file + " and " + networks[i].file +
                  " hold the same weights; name each once");
    }
  }
  return networks;
}

/// What predictions follow from, but for the cases.
Json facts_of(const std::vector<task::SavedNetwork>& networks) {
  Json json;
  for (const task::SavedNetwork& network : networks) {
    const task::TaskSpec& spec = network.task->spec();
    std::vector<std::string> mirror;
    for (const auto axis : spec.inference.mirror) {
      mirror.emplace_back(enum_name(axis));
    }
    json["networks"].push_back({{"weights", network.file},
                                {"digest", network.digest},
                                {"precision", enum_name(spec.precision)},
                                {"mirror", mirror},
                                {"step", spec.inference.step}});
  }
  const task::TaskSpec& spec = networks.front().task->spec();
  json["target"] = spec.target.name();
  json["classes"] = spec.classes;
  json["label_values"] = spec.label_values;
  return json;
}

/// Without where the weights lie: runs may be moved.
Json meaning_of(Json facts) {
  for (auto& network : facts["networks"]) network.erase("weights");
  return facts;
}

/// Which facts differ; empty: none.
std::string difference_of(const Json& before, const Json& now) {
  const size_t networks = before["networks"].size();
  if (networks != now["networks"].size()) {
    return fmt::format("number of networks (there {}, here {})", networks,
                       now["networks"].size());
  }
  std::set<std::string> keys;
  for (size_t i = 0; i < networks; ++i) {
    for (const auto& [key, value] : now["networks"][i].items()) {
      if (before["networks"][i].value(key, Json()) != value) {
        keys.insert(key == "digest" ? "network" : key);
      }
    }
  }
  for (const auto& [key, value] : now.items()) {
    if (key != "networks" && before.value(key, Json()) != value) {
      keys.insert(key);
    }
  }
  return fmt::format("{}", fmt::join(keys, ", "));
}

/// Nothing that others made is overwritten.
void check_output(const std::string& output, const CasePrediction& prediction,
                  const std::vector<augment::Case>& cases) {
  const bool ours = fs::exists(output + "/predict.json");
  for (const augment::Case& each : cases) {
    prediction.check_apart(each);
    const std::string there = ours ? "" : prediction.file_there(each);
    if (there.empty()) continue;
    throw ConfigError(
        fmt::format("--output: {}/{} is there, but no "
                    "predict.json beside it, so it is not of "
                    "this program; choose another folder",
                    output, there));
  }
}

/// Notes what makes the predictions of a folder; refuses those of others.
void claim_folder(const std::string& output, const Json& facts) {
  std::error_code error;
  fs::create_directories(output, error);
  if (error) {
    throw ConfigError(fmt::format("--output: {} cannot be made ({})", output,
                                  error.message()));
  }
  const std::string file = output + "/predict.json";
  if (fs::exists(file)) {
    std::ifstream stream(file);
    const Json before = Json::parse(stream, nullptr, false);
    if (!before.is_object() || !before.contains("networks")) {
      throw ConfigError(file +
                        ": is damaged, or not of this program; choose another "
                        "--output, or move that file away");
    }
    const std::string differs =
        difference_of(meaning_of(before), meaning_of(facts));
    if (differs.empty()) return;
    throw ConfigError(fmt::format(
        "{}: tells of predictions with another {}; choose another --output",
        file, differs));
  }
  before_work([&] {
    io::write_durably(
        file, facts.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
  });
}

/// The reference masks of cases, by id.
report::FilesOfCases find_references(const std::string& folder,
                                     const task::TaskSpec& spec,
                                     const std::vector<augment::Case>& cases) {
  report::FilesOfCases references;
  if (folder.empty()) return references;
  require(spec.target.is_segmentation(), "--references",
          "is of no use to a classification");
  const report::FilesOfCases files = report::files_of_cases(
      folder, spec.rank(), spec.target.kind(), spec.classes);
  for (const augment::Case& each : cases) {
    const auto found = files.find(each.id);
    if (found == files.end()) continue;
    const auto& masks = found->second;
    const bool whole =
        std::none_of(masks.begin(), masks.end(),
                     [](const std::string& mask) { return mask.empty(); });
    if (whole) references.insert(*found);
  }
  require(!references.empty(), "--references",
          folder + " holds no file named like a case");
  return references;
}

/// The cases of this job, one after another, whatever becomes of each.
void predict_cases(const PredictionRequest& request,
                   const CasePrediction& prediction,
                   const std::vector<augment::Case>& cases,
                   PredictionSummary& summary) {
  const auto count = static_cast<int64_t>(cases.size());
  const auto tell = [&](const std::string& problem) {
    if (problem.empty()) return;
    log_warning("predicted without its reference: " + problem);
    summary.problems.push_back(problem);
  };
  for (int64_t i = request.job; i < count; i += request.jobs) {
    const augment::Case& each = cases[i];
    ++summary.cases;
    try {
      if (const auto record = prediction.done(each)) {
        ++summary.there_before;
        tell(record->reference_problem);
        continue;
      }
      const Stopwatch one;
      const CaseRecord record = prediction.predict(each);
      ++summary.predicted;
      tell(record.reference_problem);
      const std::string message = fmt::format("{} of {}: {} in {:.1f} s", i + 1,
                                              count, each.id, one.seconds());
      log_progress(message, message);
    } catch (const std::exception& error) {
      const std::string what = error_message(error);
      log_warning(fmt::format("{} is not predicted: {}", each.id, what));
      summary.problems.push_back(fmt::format("{}: {}", each.id, what));
    }
  }
}

}  // namespace

PredictionSummary run_prediction(const PredictionRequest& request) {
  const Stopwatch stopwatch;
  require(request.jobs >= 1 && request.job >= 0 && request.job < request.jobs,
          "--job", "must be I/N with I from 0 to N - 1");
  if (request.threads > 0) at::set_num_threads(request.threads);
  std::vector<task::SavedNetwork> networks = load_networks(request);
  const task::TaskSpec spec = networks.front().task->spec();
  const torch::Device device = networks.front().task->device();
  const Json facts = facts_of(networks);
  const std::vector<augment::Case> cases = before_work([&] {
    return data::input_cases(request.input,
                             {spec.rank(), spec.cases.modalities});
  });
  const auto references = before_work(
      [&] { return find_references(request.references, spec, cases); });
  require(!request.probabilities || spec.target.is_segmentation(),
          "--save-probabilities",
          "is of no use here: predictions.csv has those of a classification");
  require(!request.overlays || spec.target.is_segmentation(), "--overlays",
          "is of no use here: a classification has no map");
  const CasePrediction prediction(request, std::move(networks), references);
  check_output(request.output, prediction, cases);
  claim_folder(request.output, facts);
  PredictionSummary summary;
  summary.output = request.output;
  if (request.jobs > 1) {
    summary.job = fmt::format("job {} of {}: ", request.job, request.jobs);
  }
  predict_cases(request, prediction, cases, summary);
  log_progress("", "");
  summary.mean_dice = gather_predictions(request);
  summary.seconds = stopwatch.seconds();
  summary.peak_memory_mb = peak_memory_mb(device);
  return summary;
}

std::string PredictionSummary::describe() const {
  std::string text = fmt::format(
      "\n{}{} of {} cases predicted in {}, {} were there before; peak memory "
      "{} MiB\n  output      {}\n",
      job, predicted, cases, duration_text(seconds), there_before,
      peak_memory_mb, output);
  if (mean_dice) {
    text += fmt::format(
        "  Dice        {:.4f}, mean over the cases with a "
        "reference\n",
        *mean_dice);
  }
  if (!problems.empty()) {
    text += fmt::format("  problems    {}\n", problems.size());
    for (const std::string& problem : problems) text += "    " + problem + "\n";
  }
  return text;
}

}  // namespace unimiss::predict
