#include "report/summary_comparison.h"

#include <algorithm>
#include <map>
#include <utility>

#include "report/class_scores.h"
#include "report/score_table.h"
#include "unimiss/core/fields.h"
#include "unimiss/eval/optional_mean.h"

namespace unimiss::report {
namespace {

/// Where the cases of both are.
struct CommonCases {
  std::vector<size_t> here, there;
  Comparison comparison;  ///< what is told of them

  template <class Case>
  CommonCases(const std::vector<Case>& first, const std::vector<Case>& second,
              const std::string& path) {
    std::map<std::string, size_t> places;
    for (size_t i = 0; i < second.size(); ++i) places[second[i].id] = i;
    for (size_t i = 0; i < first.size(); ++i) {
      const auto found = places.find(first[i].id);
      if (found == places.end()) {
        comparison.only_here.push_back(first[i].id);
        continue;
      }
      here.push_back(i);
      there.push_back(found->second);
      places.erase(found);
    }
    for (const auto& [id, ignored] : places) {
      comparison.only_there.push_back(id);
    }
    require(!here.empty(), "--compare", path + " has none of these cases");
    comparison.with = path;
    comparison.cases = static_cast<int64_t>(here.size());
  }
};

eval::CaseValues chosen_values(const eval::CaseValues& values,
                               const std::vector<size_t>& cases) {
  eval::CaseValues chosen;
  for (const size_t i : cases) chosen.push_back(values[i]);
  return chosen;
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
  eval::PairedComparison compare(const eval::BootstrapOptions& options) const {
    return eval::compare_paired(means(here_), means(there_), options);
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

/// How a class is called in a file, as nnU-Net calls it.
std::string stored_number(const NumberedClass& of,
                          const std::vector<int64_t>& label_values) {
  if (label_values.empty()) return of.number;
  return std::to_string(label_values.at(std::stoul(of.number)));
}

/// The place of each of the classes here among those there.
std::vector<size_t> matched_classes(const SegmentationResults& here,
                                    const std::vector<int64_t>& label_values,
                                    const SegmentationResults& there,
                                    const std::string& path) {
  // A summary that has no names has numbers alone: the values in its files.
  const bool by_name =
      std::any_of(there.classes.begin(), there.classes.end(),
                  [](const auto& each) { return each.name != each.number; });
  std::vector<size_t> places;
  for (const NumberedClass& of : here.classes) {
    const std::string wanted =
        by_name ? of.name : stored_number(of, label_values);
    const auto found = std::find_if(
        there.classes.begin(), there.classes.end(), [&](const auto& each) {
          return (by_name ? each.name : each.number) == wanted;
        });
    require(found != there.classes.end(), "--compare",
            path + " has other classes: none is called " + of.name);
    places.push_back(found - there.classes.begin());
  }
  return places;
}

Comparison compare_scores(const SegmentationResults& here,
                          const std::vector<int64_t>& label_values,
                          const SegmentationResults& there,
                          const std::string& path,
                          const eval::BootstrapOptions& options) {
  const CommonCases common(here.cases, there.cases, path);
  const auto places = matched_classes(here, label_values, there, path);
  Comparison comparison = common.comparison;
  const auto others = score_metrics(there);
  for (const ScoreMetric& metric : score_metrics(here)) {
    const std::string name = metric.name;
    const bool both =
        std::any_of(others.begin(), others.end(),
                    [&](const auto& other) { return other.name == name; });
    if (!both) continue;
    ClassMeans means;
    MetricValues<eval::PairedComparison> each{
        name, MetricScope::kEachClass, {}};
    for (size_t k = 0; k < here.classes.size(); ++k) {
      const auto first = chosen_values(case_values(here, name, k), common.here);
      const auto second =
          chosen_values(case_values(there, name, places[k]), common.there);
      each.values.push_back(eval::compare_paired(first, second, options));
      means.add(first, second);
    }
    comparison.differences.push_back(each);
    comparison.differences.push_back(
        {name, MetricScope::kAllClasses, {means.compare(options)}});
  }
  return comparison;
}

ClassificationResults chosen_cases(const ClassificationResults& results,
                                   const std::vector<size_t>& cases) {
  ClassificationResults chosen{results.relation, results.classes, {}, {}, {}};
  for (const size_t i : cases) chosen.cases.push_back(results.cases[i]);
  return chosen;
}

/// Of the numbers that cases have together: their differences, each from the
/// same resamples.
std::vector<eval::PairedComparison> compare_statistics(
    const ClassificationResults& here, const ClassificationResults& there,
    const eval::BootstrapOptions& options) {
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
  std::vector<eval::PairedComparison> compared;
  for (const auto& difference : differences) {
    compared.push_back({count, difference, std::nullopt});
  }
  return compared;
}

Comparison compare_classes(const ClassificationResults& all_here,
                           const ClassificationResults& all_there,
                           const std::string& path,
                           const eval::BootstrapOptions& options) {
  require(all_here.classes == all_there.classes &&
              all_here.relation == all_there.relation,
          "--compare", path + " has other classes");
  const CommonCases common(all_here.cases, all_there.cases, path);
  const auto here = chosen_cases(all_here, common.here);
  const auto there = chosen_cases(all_there, common.there);
  for (size_t i = 0; i < here.cases.size(); ++i) {
    require(here.cases[i].labels == there.cases[i].labels, "--compare",
            path + " has other labels of the same cases");
  }
  const auto paired = [&](const auto& number) {
    const std::vector<double> first = number(here), second = number(there);
    return eval::compare_paired({first.begin(), first.end()},
                                {second.begin(), second.end()}, options);
  };
  auto compared = compare_statistics(here, there, options);
  // A case by itself is right or wrong.
  compared.at(2) = paired(correctness);
  Comparison comparison = common.comparison;
  comparison.differences = class_table(here.classes.size(), compared);
  comparison.differences.push_back({"right_probability",
                                    MetricScope::kAllClasses,
                                    {paired(right_probabilities)}});
  return comparison;
}

/// Numbers that were measured in another way are not comparable.
void require_same_settings(const Summary& here, const Summary& there,
                           const std::string& path) {
  if (!there.evaluation) return;
  const EvaluationSettings ours =
      here.evaluation ? here.evaluation->settings : EvaluationSettings();
  const EvaluationSettings& theirs = there.evaluation->settings;
  const auto require_same = [&](bool same, const char* setting) {
    require(same, "--compare",
            path + " was made with another " + setting +
                "; evaluate both in the same way");
  };
  require_same(ours.tolerance == theirs.tolerance, "tolerance_mm");
  using Spacing = std::vector<double>;
  require_same(ours.pixel_spacing.value_or(Spacing()) ==
                   theirs.pixel_spacing.value_or(Spacing()),
               "pixel_spacing_mm");
  require_same(ours.missing_rule == theirs.missing_rule, "--missing");
}

}  // namespace

Comparison compare_summaries(const Summary& here, const Summary& there,
                             const std::string& path,
                             const eval::BootstrapOptions& options) {
  require(here.results.index() == there.results.index(), "--compare",
          path + " is of another kind of task");
  require_same_settings(here, there, path);
  const auto* ours = std::get_if<SegmentationResults>(&here.results);
  if (!ours) {
    return compare_classes(std::get<ClassificationResults>(here.results),
                           std::get<ClassificationResults>(there.results), path,
                           options);
  }
  const std::vector<int64_t> label_values =
      here.evaluation ? here.evaluation->settings.label_values
                      : std::vector<int64_t>();
  return compare_scores(*ours, label_values,
                        std::get<SegmentationResults>(there.results), path,
                        options);
}

}  // namespace unimiss::report
