#include "unimiss/report/summary_file.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "unimiss/core/error.h"
#include "unimiss/io/durable_file.h"
#include "unimiss/io/formats.h"

namespace unimiss::report {
namespace {

using Json = nlohmann::ordered_json;

/// The key of what a training's summary was made with.
constexpr const char* kFacts = "run";
/// How the key of a metric ends where it is of each class.
constexpr std::string_view kEachClass = "_per_class";
/// Of a case these are whole numbers.
const std::set<std::string> kCounts{"FN", "FP", "TN", "TP", "n_pred", "n_ref"};

Json json_of(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json json_of(const std::optional<eval::Interval>& interval) {
  if (!interval) return nullptr;
  return {{"low", interval->low},
          {"high", interval->high},
          {"cases", interval->cases}};
}

Json json_of(const eval::PairedComparison& compared) {
  Json json{{"difference", nullptr}, {"low", nullptr}, {"high", nullptr}};
  if (compared.difference) {
    json = {{"difference", compared.difference->estimate},
            {"low", compared.difference->low},
            {"high", compared.difference->high}};
  }
  json["p_value"] =
      compared.test ? Json(compared.test->p_value) : Json(nullptr);
  json["cases"] = compared.cases;
  return json;
}

/// "foreground_mean" and "mean", of each class by its number.
template <class Value>
Json table_json(const SegmentationResults& results,
                const MetricTable<Value>& table) {
  Json foreground = Json::object(), mean = Json::object();
  for (size_t k = 0; k < results.classes.size(); ++k) {
    for (const MetricValues<Value>& each : table) {
      if (each.scope != MetricScope::kEachClass) continue;
      mean[results.classes[k].number][each.metric] = json_of(each.values.at(k));
    }
  }
  for (const MetricValues<Value>& each : table) {
    if (each.scope == MetricScope::kEachClass) continue;
    foreground[each.metric] = json_of(each.values.at(0));
  }
  return {{"foreground_mean", foreground}, {"mean", mean}};
}

/// "AUC", ..., "AUC_per_class", of each class by its name.
template <class Value>
Json table_json(const ClassificationResults& results,
                const MetricTable<Value>& table) {
  Json json = Json::object();
  for (const MetricValues<Value>& each : table) {
    if (each.scope == MetricScope::kAllClasses) {
      json[each.metric] = json_of(each.values.at(0));
      continue;
    }
    for (size_t k = 0; k < each.values.size(); ++k) {
      json[each.metric + std::string(kEachClass)][results.classes.at(k)] =
          json_of(each.values[k]);
    }
  }
  return json;
}

Json case_json(const NamedValues& numbers) {
  Json json = Json::object();
  for (const auto& [name, value] : numbers) {
    json[name] = value && kCounts.contains(name)
                     ? Json(static_cast<int64_t>(*value))
                     : json_of(value);
  }
  return json;
}

Json results_json(const SegmentationResults& results) {
  Json json = table_json(results, results.metrics);
  json["metric_per_case"] = Json::array();
  for (const SegmentedCase& each : results.cases) {
    Json metrics = Json::object();
    for (size_t k = 0; k < results.classes.size(); ++k) {
      metrics[results.classes[k].number] = case_json(each.classes.at(k));
    }
    json["metric_per_case"].push_back({{"case", each.id},
                                       {"metrics", metrics},
                                       {"prediction_file", each.prediction},
                                       {"reference_file", each.reference}});
  }
  json["classes"] = Json::object();
  for (const auto& [number, name] : results.classes) {
    json["classes"][number] = name;
  }
  return json;
}

Json results_json(const ClassificationResults& results) {
  Json json = table_json(results, results.metrics);
  if (results.relation == ClassRelation::kExclusive) {
    json["confusion_matrix"] = results.confusion;
  }
  json["classes"] = results.classes;
  json["metric_per_case"] = Json::array();
  for (const ClassifiedCase& each : results.cases) {
    json["metric_per_case"].push_back({{"case", each.id},
                                       {"labels", each.labels},
                                       {"probabilities", each.probabilities}});
  }
  return json;
}

/// How often the rule for missing classes was applied.
Json missing_json(const EvaluationSettings& settings,
                  const SegmentationResults& results) {
  Json each = Json::object();
  for (size_t k = 0; k < results.classes.size(); ++k) {
    each[results.classes[k].number] = settings.missing.at(k);
  }
  return {{"rule", settings.missing_rule},
          {"text", settings.missing_text},
          {"count", std::accumulate(settings.missing.begin(),
                                    settings.missing.end(), int64_t{0})},
          {"count_per_class", each}};
}

Json settings_json(const EvaluationSettings& settings, const Results& results) {
  Json json{{"predictions", settings.predictions},
            {"references", settings.references},
            {"target", settings.target},
            {"bootstrap",
             {{"level", settings.bootstrap.level},
              {"resamples", settings.bootstrap.resamples},
              {"seed", settings.bootstrap.seed}}}};
  const auto* segmentation = std::get_if<SegmentationResults>(&results);
  if (!segmentation) return json;
  json["label_values"] = settings.label_values;
  json["tolerance_mm"] = json_of(settings.tolerance);
  if (settings.pixel_spacing) {
    json["pixel_spacing_mm"] = settings.pixel_spacing->empty()
                                   ? Json(nullptr)
                                   : Json(*settings.pixel_spacing);
  }
  json["missing"] = missing_json(settings, *segmentation);
  return json;
}

Json comparison_json(const Comparison& comparison, const Results& results) {
  Json json{{"with", comparison.with},
            {"cases", comparison.cases},
            {"only_here", comparison.only_here},
            {"only_there", comparison.only_there}};
  json.update(std::visit(
      [&](const auto& of) { return table_json(of, comparison.differences); },
      results));
  return json;
}

Json json_of(const Summary& summary) {
  const Results& results = summary.results;
  Json json;
  if (summary.evaluation) {
    json["evaluation"] = settings_json(summary.evaluation->settings, results);
  } else {
    json[kFacts] = summary.facts;
  }
  json["numbers"] =
      numbers(results);  // versions up to 0.1 read them at a resume
  json.update(
      std::visit([](const auto& each) { return results_json(each); }, results));
  if (!summary.evaluation) return json;
  json["interval"] = std::visit(
      [&](const auto& of) {
        return table_json(of, summary.evaluation->intervals);
      },
      results);
  json["bad_cases"] = Json::array();
  for (const BadCase& each : summary.evaluation->bad) {
    json["bad_cases"].push_back({{"case", each.id}, {"problem", each.problem}});
  }
  if (summary.evaluation->comparison) {
    json["comparison"] =
        comparison_json(*summary.evaluation->comparison, results);
  }
  return json;
}

std::optional<double> number_of(const Json& value) {
  if (value.is_null()) return std::nullopt;
  return value.get<double>();
}

NamedValues values_of(const Json& object) {
  NamedValues values;
  for (const auto& [name, value] : object.items()) {
    values.emplace_back(name, number_of(value));
  }
  return values;
}

/// The item of an object, or an empty one.
Json item_of(const Json& json, const char* key) {
  return json.value(key, Json::object());
}

std::string id_of(const Json& of) {
  if (of.contains("case")) return of["case"].get<std::string>();
  const char* key =
      of.contains("prediction_file") ? "prediction_file" : "reference_file";
  const std::filesystem::path file = of.at(key).get<std::string>();
  return io::without_ending(file.filename().string());
}

SegmentationResults read_segmentation(const Json& json) {
  SegmentationResults results;
  const Json names = item_of(json, "classes"), means = item_of(json, "mean");
  const Json& cases = json.at("metric_per_case");
  // Not every program writes means of each class.
  const Json known =
      means.empty() && !cases.empty() ? cases.front().at("metrics") : means;
  for (const auto& [number, ignored] : known.items()) {
    results.classes.push_back({number, names.value(number, number)});
  }
  for (const Json& of : cases) {
    SegmentedCase& each = results.cases.emplace_back();
    each.id = id_of(of);
    each.prediction = of.value("prediction_file", "");
    each.reference = of.value("reference_file", "");
    for (const NumberedClass& one : results.classes) {
      each.classes.push_back(values_of(of.at("metrics").at(one.number)));
    }
  }
  const NamedValues all = values_of(json.at("foreground_mean"));
  for (const auto& [name, value] : all) {
    results.metrics.push_back({name, MetricScope::kAllClasses, {value}});
    if (means.empty()) continue;
    MetricValues<std::optional<double>> each{name, MetricScope::kEachClass, {}};
    for (const Json& of_class : means) {
      each.values.push_back(number_of(of_class.at(name)));
    }
    results.metrics.push_back(each);
  }
  return results;
}

/// The metrics among what a summary holds.
MetricTable<std::optional<double>> read_metrics(
    const Json& json, const std::vector<std::string>& classes) {
  MetricTable<std::optional<double>> metrics;
  for (const auto& [key, value] : json.items()) {
    if (value.is_number() || value.is_null()) {
      metrics.push_back({key, MetricScope::kAllClasses, {number_of(value)}});
    } else if (key.ends_with(kEachClass)) {
      const std::string name = key.substr(0, key.size() - kEachClass.size());
      auto& each = metrics.emplace_back();
      each = {name, MetricScope::kEachClass, {}};
      for (const std::string& of_class : classes) {
        each.values.push_back(number_of(value.at(of_class)));
      }
    }
  }
  return metrics;
}

ClassificationResults read_classification(const Json& json) {
  ClassificationResults results;
  results.relation = json.contains("confusion_matrix")
                         ? ClassRelation::kExclusive
                         : ClassRelation::kOverlapping;
  results.classes = json.at("classes").get<std::vector<std::string>>();
  results.metrics = read_metrics(json, results.classes);
  if (results.relation == ClassRelation::kExclusive) {
    results.confusion =
        json.at("confusion_matrix").get<std::vector<std::vector<int64_t>>>();
  }
  for (const Json& of : json.at("metric_per_case")) {
    results.cases.push_back({of.at("case").get<std::string>(),
                             of.at("probabilities").get<std::vector<double>>(),
                             of.at("labels").get<std::vector<int64_t>>()});
  }
  return results;
}

EvaluationSettings read_settings(const Json& json) {
  EvaluationSettings settings;
  settings.predictions = json.value("predictions", "");
  settings.references = json.value("references", "");
  settings.target = json.value("target", "");
  const Json bootstrap = item_of(json, "bootstrap");
  const eval::BootstrapOptions defaults;
  settings.bootstrap = {bootstrap.value("level", defaults.level),
                        bootstrap.value("resamples", defaults.resamples),
                        bootstrap.value("seed", defaults.seed)};
  settings.label_values = json.value("label_values", std::vector<int64_t>());
  settings.tolerance = number_of(json.value("tolerance_mm", Json()));
  if (json.contains("pixel_spacing_mm")) {
    const Json& spacing = json["pixel_spacing_mm"];
    settings.pixel_spacing = spacing.is_null()
                                 ? std::vector<double>()
                                 : spacing.get<std::vector<double>>();
  }
  const Json missing = item_of(json, "missing");
  settings.missing_rule = missing.value("rule", "");
  settings.missing_text = missing.value("text", "");
  for (const Json& count : item_of(missing, "count_per_class")) {
    settings.missing.push_back(count.get<int64_t>());
  }
  return settings;
}

}  // namespace

void write_summary(const std::string& path, const Summary& summary) {
  // A path need not be UTF-8.
  io::write_durably(path, json_of(summary).dump(
                              1, ' ', false, Json::error_handler_t::replace) +
                              "\n");
}

Summary read_summary(const std::string& path) {
  std::ifstream file(path);
  if (!file.is_open()) throw DataError(path, "cannot be read");
  const Json json = Json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("metric_per_case")) {
    throw DataError(path,
                    "is no summary.json (JSON with metric_per_case is "
                    "expected; NaN is no JSON)");
  }
  try {
    Summary summary;
    summary.facts =
        item_of(json, kFacts).get<std::map<std::string, std::string>>();
    if (json.contains("foreground_mean")) {
      summary.results = read_segmentation(json);
    } else {
      summary.results = read_classification(json);
    }
    if (json.contains("evaluation")) {
      summary.evaluation.emplace();
      summary.evaluation->settings = read_settings(json["evaluation"]);
    }
    return summary;
  } catch (const Json::exception& error) {
    throw DataError(
        path, fmt::format("is damaged, or of another form ({})", error.what()));
  }
}

std::optional<Summary> find_summary(const std::string& path) {
  try {
    return read_summary(path);
  } catch (const DataError&) {
    return std::nullopt;
  }
}

}  // namespace unimiss::report
