#include "report/summary_comparison.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <utility>

#include "report/class_scores.h"
#include "unimiss/core/fields.h"
#include "unimiss/eval/optional_mean.h"

namespace unimiss::report {
namespace {

/// Where the cases of both are.
struct CommonCases {
  std::vector<size_t> here, there;
  Json json;  ///< what is told of them

  CommonCases(const std::vector<std::string>& first,
              const std::vector<std::string>& second, const std::string& path) {
    std::map<std::string, size_t> places;
    for (size_t i = 0; i < second.size(); ++i) places[second[i]] = i;
    Json only_here = Json::array(), only_there = Json::array();
    for (size_t i = 0; i < first.size(); ++i) {
      const auto found = places.find(first[i]);
      if (found == places.end()) {
        only_here.push_back(first[i]);
        continue;
      }
      here.push_back(i);
      there.push_back(found->second);
      places.erase(found);
    }
    for (const auto& [id, ignored] : places) only_there.push_back(id);
    require(!here.empty(), "--compare", path + " has none of these cases");
    json = {{"with", path},
            {"cases", here.size()},
            {"only_here", only_here},
            {"only_there", only_there}};
  }
};

template <class Values>
eval::CaseValues chosen_values(const Values& values,
                               const std::vector<size_t>& cases) {
  eval::CaseValues chosen;
  for (const size_t i : cases) chosen.push_back(values[i]);
  return chosen;
}

Json difference_json(const std::optional<eval::Interval>& difference,
                     const std::optional<eval::SignedRankTest>& test) {
  Json json{{"difference", nullptr}, {"low", nullptr}, {"high", nullptr}};
  if (difference) {
    json = {{"difference", difference->estimate},
            {"low", difference->low},
            {"high", difference->high}};
  }
  json["p_value"] = test ? Json(test->p_value) : Json(nullptr);
  return json;
}

Json paired_json(const eval::CaseValues& here, const eval::CaseValues& there,
                 const eval::BootstrapOptions& options) {
  const eval::PairedComparison compared =
      eval::compare_paired(here, there, options);
  Json json = difference_json(compared.difference, compared.test);
  json["cases"] = compared.cases;
  return json;
}

/// The mean over classes of each case, of those that both have a value of.
class ClassMeans {
 public:
  void add(const eval::CaseValues& here, const eval::CaseValues& there) {
    here_.resize(here.size());
    there_.resize(here.size());
    for (size_t i = 0; i < here.size(); ++i) {
      if (!here[i] || !there[i]) continue;
      here_[i].push_back(here[i]);
      there_[i].push_back(there[i]);
    }
  }
  Json compare(const eval::BootstrapOptions& options) const {
    return paired_json(means(here_), means(there_), options);
  }

 private:
  static eval::CaseValues means(const std::vector<eval::CaseValues>& of_cases) {
    eval::CaseValues values;
    for (const auto& each : of_cases) {
      values.push_back(eval::optional_mean(each));
    }
    return values;
  }

  std::vector<eval::CaseValues> here_, there_;
};

template <class Items, class Same>
size_t place_of(const Items& items, const Same& same) {
  return static_cast<size_t>(std::find_if(items.begin(), items.end(), same) -
                             items.begin());
}

Json compare_scores(const ScoreTable& here, const ScoreTable& there,
                    const std::string& path,
                    const eval::BootstrapOptions& options) {
  const CommonCases common(here.cases, there.cases, path);
  // A summary that has no names has labels alone: the values in its files.
  const bool by_name = there.names != there.labels;
  Json mean = Json::object(), foreground = Json::object();
  std::vector<ClassMeans> means(here.metrics.size());
  for (size_t k = 0; k < here.labels.size(); ++k) {
    const size_t other = place_of(
        by_name ? there.names : there.labels, [&](const std::string& name) {
          return name == (by_name ? here.names[k] : here.stored[k]);
        });
    require(other < there.labels.size(), "--compare",
            path + " has other classes: none is called " + here.names[k]);
    for (size_t m = 0; m < here.metrics.size(); ++m) {
      const std::string name = here.metrics[m].name;
      const size_t column = place_of(
          there.metrics,
          [&](const SummaryMetric& metric) { return metric.name == name; });
      if (column == there.metrics.size()) continue;
      const auto first = chosen_values(here.values[k][m], common.here);
      const auto second =
          chosen_values(there.values[other][column], common.there);
      mean[here.labels[k]][name] = paired_json(first, second, options);
      means[m].add(first, second);
      if (k + 1 == here.labels.size()) {
        foreground[name] = means[m].compare(options);
      }
    }
  }
  Json json = common.json;
  json["foreground_mean"] = foreground;
  json["mean"] = mean;
  return json;
}

ClassTable chosen_cases(const ClassTable& table,
                        const std::vector<size_t>& cases) {
  ClassTable chosen{table.exclusive, table.classes, {}, {}, {}};
  for (const size_t i : cases) {
    chosen.cases.push_back(table.cases[i]);
    chosen.scores.push_back(table.scores[i]);
    chosen.labels.push_back(table.labels[i]);
  }
  return chosen;
}

Json compare_classes(const ClassTable& all_here, const ClassTable& all_there,
                     const std::string& path,
                     const eval::BootstrapOptions& options) {
  require(all_here.classes == all_there.classes &&
              all_here.exclusive == all_there.exclusive,
          "--compare", path + " has other classes");
  const CommonCases common(all_here.cases, all_there.cases, path);
  const ClassTable here = chosen_cases(all_here, common.here);
  const ClassTable there = chosen_cases(all_there, common.there);
  require(here.labels == there.labels, "--compare",
          path + " has other labels of the same cases");
  const auto count = static_cast<int64_t>(here.cases.size());
  const ClassStatistics ours(here), theirs(there);
  const auto differences = eval::bootstrap_all(
      count,
      [&](const std::vector<int64_t>& chosen) {
        auto values = ours.of(chosen).values();
        const auto others = theirs.of(chosen).values();
        for (size_t i = 0; i < values.size(); ++i) {
          values[i] = values[i] && others[i]
                          ? std::optional(*values[i] - *others[i])
                          : std::nullopt;
        }
        return values;
      },
      options);
  std::vector<Json> items;
  for (const auto& difference : differences) {
    items.push_back(difference_json(difference, std::nullopt));
    items.back()["cases"] = count;
  }
  const auto paired = [&](const auto& number) {
    const std::vector<double> first = number(here), second = number(there);
    return paired_json({first.begin(), first.end()},
                       {second.begin(), second.end()}, options);
  };
  Json json = common.json;
  json.update(named(here.classes, items));
  json["accuracy"] = paired(correctness);
  json["right_probability"] = paired(right_probabilities);
  return json;
}

/// Numbers that were measured in another way are not comparable.
void require_same_settings(const Json& here, const Json& there,
                           const std::string& path) {
  const Json none = Json::object();
  const Json ours = here.value("evaluation", none);
  const Json theirs = there.value("evaluation", none);
  if (theirs.empty()) return;
  for (const char* setting : {"tolerance_mm", "pixel_spacing_mm"}) {
    require(ours.value(setting, Json()) == theirs.value(setting, Json()),
            "--compare",
            path + " was made with another " + setting +
                "; evaluate both in the same way");
  }
  const Json our_rule = ours.value("missing", none).value("rule", Json());
  const Json their_rule = theirs.value("missing", none).value("rule", Json());
  require(our_rule == their_rule, "--compare",
          path +
              " was made with another --missing; evaluate both in the same "
              "way");
}

}  // namespace

Json read_summary(const std::string& path) {
  std::ifstream file(path);
  require(file.is_open(), path, "cannot be read");
  Json json = Json::parse(file, nullptr, /*allow_exceptions=*/false);
  require(
      json.is_object() && json.contains("metric_per_case"), path,
      "is no summary.json (JSON with metric_per_case is expected; NaN is no "
      "JSON)");
  return json;
}

Json compare_summaries(const Json& here, const Json& there,
                       const std::string& path,
                       const eval::BootstrapOptions& options) {
  const bool segmentation = here.contains("foreground_mean");
  require(segmentation == there.contains("foreground_mean"), "--compare",
          path + " is of another kind of task");
  try {
    require_same_settings(here, there, path);
    return segmentation ? compare_scores(score_table(here), score_table(there),
                                         path, options)
                        : compare_classes(class_table(here), class_table(there),
                                          path, options);
  } catch (const Json::exception& error) {
    throw ConfigError(path + ": is damaged, or of another form (" +
                      error.what() + ")");
  }
}

}  // namespace unimiss::report
