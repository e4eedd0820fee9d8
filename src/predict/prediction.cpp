#include "unimiss/predict/prediction.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "predict/case_picture.h"
#include "predict/case_record.h"
#include "predict/class_volumes.h"
#include "predict/mean_probabilities.h"
#include "unimiss/core/error.h"
#include "unimiss/core/log.h"
#include "unimiss/core/stopwatch.h"
#include "unimiss/core/text.h"
#include "unimiss/data/input_cases.h"
#include "unimiss/eval/optional_mean.h"
#include "unimiss/eval/segmentation_metrics.h"
#include "unimiss/io/durable_file.h"
#include "unimiss/io/figure.h"
#include "unimiss/io/image.h"

namespace unimiss::predict {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// What is found bad before anything is predicted is the user's to correct.
template <class Work>
auto before_predicting(const Work& work) {
  try {
    return work();
  } catch (const DataError& error) {
    throw ConfigError(error.what());
  }
}

void set_inference(const PredictionRequest& request, SavedNetwork& network) {
  eval::SlidingWindowOptions& inference = network.config.inference;
  if (request.step) inference.step = *request.step;
  if (request.batch > 0) inference.batch = request.batch;
  if (request.mirror) {
    inference.mirror.clear();
    if (*request.mirror == TestTimeMirror::kMirror) {
      for (const auto axis : network.config.augmentation.spatial.mirror) {
        inference.mirror.push_back(static_cast<eval::MirrorAxis>(axis));
      }
    }
  }
  with_key_prefix("inference.", [&] { validate(inference); });
}

std::vector<SavedNetwork> load_networks(const PredictionRequest& request,
                                        const ReadConfig& read_config) {
  require(!request.models.empty(), "--model", "is not given");
  const torch::Device device = train::choose_device(request.device);
  std::vector<SavedNetwork> networks;
  for (const std::string& model : request.models) {
    networks.push_back(before_predicting(
        [&] { return load_saved_network(model, read_config, device); }));
    set_inference(request, networks.back());
  }
  check_ensemble(networks);
  return networks;
}

/// What predictions follow from, but for the cases.
Json facts_of(const std::vector<SavedNetwork>& networks) {
  Json json;
  for (const SavedNetwork& network : networks) {
    const auto& inference = network.config.inference;
    std::vector<std::string> mirror;
    for (const auto axis : inference.mirror) {
      mirror.emplace_back(enum_name(axis));
    }
    json["networks"].push_back({{"weights", network.file},
                                {"digest", network.digest},
                                {"mirror", mirror},
                                {"step", inference.step}});
  }
  const auto& task = networks.front().config.task;
  json["target"] = enum_name(task.target);
  json["classes"] = networks.front().classes;
  json["label_values"] = task.label_values;
  return json;
}

/// Without where the weights lie: runs may be moved.
Json meaning_of(Json facts) {
  for (auto& network : facts["networks"]) network.erase("weights");
  return facts;
}

/// Notes what makes the predictions of a folder; refuses those of others.
void claim_folder(const std::string& output, const Json& facts) {
  std::error_code ignored;  // writing tells what is wrong
  fs::create_directories(output, ignored);
  const std::string file = output + "/predict.json";
  if (fs::exists(file)) {
    std::ifstream stream(file);
    const Json before = Json::parse(stream, nullptr, false);
    if (before.is_object() && before.contains("networks") &&
        meaning_of(before) == meaning_of(facts)) {
      return;
    }
    throw ConfigError(fmt::format(
        "{}: tells of predictions of other networks or settings; choose "
        "another --output, or remove that folder",
        file));
  }
  before_predicting([&] {
    io::write_durably(
        file, facts.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
  });
}

/// Predicts the cases of one process.
class Predicting {
 public:
  Predicting(const PredictionRequest& request,
             std::vector<SavedNetwork> networks,
             const std::map<std::string, std::vector<std::string>>& references)
      : request_(request),
        networks_(std::move(networks)),
        references_(references),
        format_(networks_.front().map_format()) {}

  const train::MapFormat& format() const { return format_; }
  bool segments() const { return data::is_segmentation(format_.target); }

  /// All files that the case is to have.
  std::vector<std::string> wanted_files(const data::Case& of) const {
    std::vector<std::string> files;
    if (!segments()) return files;
    files = train::prediction_files(format_, of);
    if (request_.probabilities) {
      for (const std::string& name : class_volume_files(format_, of)) {
        files.push_back("probabilities/" + of.id + "/" + name);
      }
    }
    if (request_.overlays) files.push_back("overlays/" + of.id + ".png");
    return files;
  }

  bool is_done(const data::Case& of) const {
    const auto record = read_record(request_.output, of.id);
    if (!record || record->input != input_of(of)) return false;
    for (const std::string& file : wanted_files(of)) {
      if (!fs::exists(request_.output + "/" + file)) return false;
    }
    return true;
  }

  void predict(const data::Case& of) const {
    CaseRecord record{of.id, input_of(of), wanted_files(of), {}, {}};
    if (segments()) {
      segment(of, record);
    } else {
      classify(of, record);
    }
    write_record(request_.output, record);
  }

 private:
  /// With the reference that it is compared with.
  data::Case with_reference(const data::Case& of) const {
    data::Case with = of;
    const auto found = references_.find(of.id);
    if (found != references_.end()) with.masks = found->second;
    return with;
  }

  std::string input_of(const data::Case& of) const {
    const data::Case with = with_reference(of);
    std::vector<std::string> files = with.images;
    files.insert(files.end(), with.masks.begin(), with.masks.end());
    return input_text(files);
  }

  /// Calls use(network, case on both grids), each grid read once.
  template <class Use>
  void for_each_network(const data::Case& of, const Use& use) const {
    std::optional<data::CaseDecodeOptions> options;
    data::CaseOnBothGrids both;
    for (const SavedNetwork& network : networks_) {
      if (const auto wanted = network.decode_options(); options != wanted) {
        both = {};
        both = data::read_case(of, wanted);
        options = wanted;
      }
      use(network, both);
    }
  }

  void segment(const data::Case& of, CaseRecord& record) const {
    const data::Case with = with_reference(of);
    data::CaseReference own;
    torch::Tensor map;
    std::optional<MeanProbabilities> mean;
    std::optional<ClassVolumes> volumes;
    const bool ensemble = networks_.size() > 1;
    if (ensemble) mean.emplace(request_.output);
    if (request_.probabilities) {
      volumes.emplace(request_.output + "/probabilities/" + of.id,
                      static_cast<int64_t>(format_.classes.size()));
    }
    for_each_network(with, [&](const SavedNetwork& network,
                               const data::CaseOnBothGrids& both) {
      if (!own.grid.voxels.defined()) own = both.own;
      const auto size = own.grid.voxels.sizes();
      const auto take = [&](int64_t z, const torch::Tensor& probabilities) {
        ensemble ? mean->add(z, probabilities) : volumes->add(probabilities);
      };
      const train::CasePredictor predictor = network.predictor();
      map = train::predict_map(
          {predictor, both.voxels, both.own.scale}, {size[0], size[1], size[2]},
          [] {},
          ensemble || volumes ? train::TakeProbabilities(take) : nullptr);
    });
    if (ensemble) {
      for (int64_t z = 0; z < map.size(0); ++z) {
        const torch::Tensor probabilities =
            mean->mean(z, static_cast<int64_t>(networks_.size()));
        map.select(0, z).copy_(
            train::labels_of_probabilities(probabilities, format_.target));
        if (volumes) volumes->add(probabilities);
      }
    }
    if (volumes) volumes->write(format_, of, own.grid);
    if (own.map.defined()) record.dice = dice_of(map, own.map);
    if (request_.overlays) draw(of, own, map, record);
    train::write_prediction(request_.output, format_, of, map, own.grid);
  }

  std::optional<double> dice_of(const torch::Tensor& map,
                                const torch::Tensor& reference) const {
    const auto classes = static_cast<int64_t>(format_.classes.size());
    std::vector<std::optional<double>> each;
    for (const eval::OverlapCounts& counts :
         format_.target == data::TargetKind::kStructures
             ? eval::structure_overlap(map, reference, classes)
             : eval::class_overlap(map, reference, classes)) {
      each.push_back(eval::dice(counts));
    }
    return eval::optional_mean(each);
  }

  void draw(const data::Case& of, const data::CaseReference& own,
            const torch::Tensor& map, const CaseRecord& record) const {
    const std::string title =
        record.dice ? fmt::format("{}   Dice {:.3f}", of.id, *record.dice)
                    : of.id;
    std::error_code ignored;  // writing tells what is wrong
    fs::create_directories(request_.output + "/overlays", ignored);
    io::write_durably(request_.output + "/overlays/" + of.id + ".png",
                      io::encode_png(case_picture(title, own, map, format_)));
  }

  void classify(const data::Case& of, CaseRecord& record) const {
    auto& sum = record.probabilities;
    sum.assign(format_.classes.size(), 0.0);
    for_each_network(of, [&](const SavedNetwork& network,
                             const data::CaseOnBothGrids& both) {
      const train::CasePredictor predictor = network.predictor();
      const std::vector<double> each =
          train::predict_classes({predictor, both.voxels, {1, 1, 1}}, [] {});
      for (size_t k = 0; k < sum.size(); ++k) sum[k] += each[k];
    });
    for (double& value : sum) value /= static_cast<double>(networks_.size());
  }

  const PredictionRequest& request_;
  std::vector<SavedNetwork> networks_;
  const std::map<std::string, std::vector<std::string>>& references_;
  train::MapFormat format_;
};

/// The reference masks of cases, by id.
std::map<std::string, std::vector<std::string>> find_references(
    const std::string& folder, const train::MapFormat& format,
    const std::vector<data::Case>& cases) {
  std::map<std::string, std::vector<std::string>> references;
  if (folder.empty()) return references;
  require(data::is_segmentation(format.target), "--references",
          "is of no use to a classification");
  std::vector<std::map<std::string, std::string>> folders;
  if (format.target == data::TargetKind::kLabelMap) {
    folders.push_back(data::files_by_name(folder, format.rank));
  } else {
    for (const auto& name : train::structure_folders(format.classes)) {
      folders.push_back(data::files_by_name(folder + "/" + name, format.rank));
    }
  }
  for (const data::Case& each : cases) {
    std::vector<std::string> masks;
    for (const auto& files : folders) {
      const auto found = files.find(each.id);
      if (found != files.end()) masks.push_back(found->second);
    }
    if (masks.size() == folders.size()) references[each.id] = masks;
  }
  require(!references.empty(), "--references",
          folder + " holds no file named like a case");
  return references;
}

/// case, probability of each class, and what is predicted.
void write_table(const std::string& output, const Json& facts,
                 const std::vector<CaseRecord>& records) {
  const auto classes = facts.at("classes").get<std::vector<std::string>>();
  const bool exclusive =
      facts.at("target") == enum_name(data::TargetKind::kClass);
  std::string text = "case,predicted";
  for (const std::string& name : classes) text += "," + csv_field(name);
  text += "\n";
  for (const CaseRecord& record : records) {
    const auto& p = record.probabilities;
    if (p.size() != classes.size()) continue;
    std::vector<std::string> predicted;
    const auto largest = std::max_element(p.begin(), p.end()) - p.begin();
    for (size_t k = 0; k < p.size(); ++k) {
      if (exclusive ? static_cast<std::ptrdiff_t>(k) == largest : p[k] > 0.5) {
        predicted.push_back(classes[k]);
      }
    }
    text += fmt::format("{},{},{:.9g}\n", csv_field(record.id),
                        csv_field(fmt::format("{}", fmt::join(predicted, "|"))),
                        fmt::join(p, ","));
  }
  io::write_durably(output + "/predictions.csv", text);
}

void draw_extremes(const std::string& output, std::vector<CaseRecord> records) {
  std::erase_if(records, [&](const CaseRecord& record) {
    return !record.dice ||
           !fs::exists(output + "/overlays/" + record.id + ".png");
  });
  if (records.empty()) return;
  std::stable_sort(records.begin(), records.end(),
                   [](const CaseRecord& left, const CaseRecord& right) {
                     return *left.dice < *right.dice;
                   });
  std::vector<torch::Tensor> pictures;
  std::vector<size_t> shown{0, (records.size() - 1) / 2, records.size() - 1};
  shown.erase(std::unique(shown.begin(), shown.end()), shown.end());
  for (const size_t i : shown) {
    pictures.push_back(
        io::read_pixels(output + "/overlays/" + records[i].id + ".png"));
  }
  io::write_durably(output + "/overlays/worst_median_best.png",
                    io::encode_png(io::stack_vertically(pictures)));
}

std::optional<double> mean_dice(const std::vector<CaseRecord>& records) {
  std::vector<std::optional<double>> each;
  for (const CaseRecord& record : records) each.push_back(record.dice);
  return eval::optional_mean(each);
}

}  // namespace

PredictionSummary run_prediction(const PredictionRequest& request,
                                 const ReadConfig& read_config) {
  const Stopwatch stopwatch;
  require(request.jobs >= 1 && request.job >= 0 && request.job < request.jobs,
          "--job", "must be I/N with I from 0 to N - 1");
  if (request.threads > 0) at::set_num_threads(request.threads);
  std::vector<SavedNetwork> networks = load_networks(request, read_config);
  const auto& config = networks.front().config;
  const torch::Device device = networks.front().device;
  const Json facts = facts_of(networks);
  const std::vector<data::Case> cases = before_predicting([&] {
    return data::input_cases(request.input,
                             {config.rank(), config.data.modalities});
  });
  const auto references = before_predicting([&] {
    return find_references(request.references, networks.front().map_format(),
                           cases);
  });
  require(!request.probabilities || data::is_segmentation(config.task.target),
          "--save-probabilities",
          "is of no use here: predictions.csv has those of a classification");
  claim_folder(request.output, facts);
  const Predicting predicting(request, std::move(networks), references);
  PredictionSummary summary;
  summary.output = request.output;
  const auto count = static_cast<int64_t>(cases.size());
  for (int64_t i = request.job; i < count; i += request.jobs) {
    const data::Case& each = cases[i];
    ++summary.cases;
    try {
      if (predicting.is_done(each)) {
        ++summary.there_before;
        continue;
      }
      const Stopwatch one;
      predicting.predict(each);
      ++summary.predicted;
      const std::string message = fmt::format("{} of {}: {} in {:.1f} s", i + 1,
                                              count, each.id, one.seconds());
      log_progress(message, message);
    } catch (const Error& error) {
      log_warning(
          fmt::format("{} is not predicted: {}", each.id, error.what()));
      summary.problems.emplace_back(error.what());
    }
  }
  log_progress("", "");
  gather_predictions(request);
  summary.mean_dice = mean_dice(read_records(request.output));
  summary.seconds = stopwatch.seconds();
  summary.peak_memory_mb = train::peak_memory_mb(device);
  return summary;
}

void gather_predictions(const PredictionRequest& request) {
  std::ifstream stream(request.output + "/predict.json");
  const Json facts = Json::parse(stream, nullptr, false);
  if (!facts.is_object()) return;  // no job began
  const std::vector<CaseRecord> records = read_records(request.output);
  if (facts.at("target") == enum_name(data::TargetKind::kClass) ||
      facts.at("target") == enum_name(data::TargetKind::kClasses)) {
    write_table(request.output, facts, records);
  } else if (request.overlays) {
    draw_extremes(request.output, records);
  }
}

std::string PredictionSummary::describe() const {
  std::string text = fmt::format(
      "\n{} of {} cases predicted in {}, {} were there before; peak memory {} "
      "MiB\n  output      {}\n",
      predicted, cases, duration_text(seconds), there_before, peak_memory_mb,
      output);
  if (mean_dice) {
    text += fmt::format(
        "  Dice        {:.4f}, mean over the cases with a "
        "reference\n",
        *mean_dice);
  }
  if (!problems.empty()) {
    text += fmt::format("  not predicted: {}\n", problems.size());
    for (const std::string& problem : problems) text += "    " + problem + "\n";
  }
  return text;
}

}  // namespace unimiss::predict
