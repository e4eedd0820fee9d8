#include "unimiss/report/evaluation_report.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "report/class_scores.h"
#include "report/evaluation_tables.h"
#include "report/score_table.h"
#include "report/segmentation_scores.h"
#include "report/summary_comparison.h"
#include "unimiss/core/error_message.h"
#include "unimiss/core/log.h"
#include "unimiss/core/problems.h"
#include "unimiss/io/durable_file.h"
#include "unimiss/report/evaluation_input.h"

namespace unimiss::report {
namespace {

namespace fs = std::filesystem;

/// summary.json and its tables.
struct OutputFiles {
  std::string json, markdown, csv;
};

/// Whether a file is a summary of evaluate_predictions().
bool is_of_evaluation(const std::string& path) {
  std::ifstream file(path);
  const Json json = Json::parse(file, nullptr, /*allow_exceptions=*/false);
  return json.is_object() && json.contains("evaluation") &&
         json.contains("metric_per_case");
}

/// Refuses to write over what is read, and over files of others.
OutputFiles output_files(const EvaluationRequest& request) {
  const fs::path output = request.output;
  require(output.extension() == ".json", "--output",
          "must end in .json (is '" + request.output +
              "'); tables are written beside it");
  const auto with = [&](const char* ending) {
    return fs::path(output).replace_extension(ending).string();
  };
  OutputFiles files{request.output, with(".md"), with(".csv")};
  const std::vector<std::string> inputs{
      request.references, request.compare,
      probabilities_file(request.predictions),
      (fs::path(request.predictions) / "predict.json").string()};
  const bool ours = is_of_evaluation(files.json);
  for (const std::string& file : {files.json, files.markdown, files.csv}) {
    std::error_code ignored;
    require(!fs::is_directory(file, ignored), "--output",
            file + " is a folder");
    for (const std::string& input : inputs) {
      require(input.empty() || !fs::equivalent(file, input, ignored),
              "--output", "would write over " + input + "; choose another");
    }
    require(ours || !fs::exists(file, ignored), "--output",
            file + " is there, but " + files.json +
                " is no summary of this program; choose another name");
  }
  return files;
}

void check_request(const EvaluationRequest& request) {
  Problems problems;
  problems.in_range(request.tolerance, at_least(0), "--tolerance");
  problems.in_range(request.resamples, at_least(1), "--resamples");
  problems.in_range(request.threads, at_least(1), "--threads");
  problems.in_range(request.modalities, at_least(1), "--modalities");
  problems.all_in_range(request.pixel_spacing, greater_than(0),
                        "--pixel-spacing");
  problems.require(request.pixel_spacing.size() <= 2, "--pixel-spacing",
                   "must be one number, or those of height and width");
  problems.throw_if_any();
}

eval::BootstrapOptions bootstrap_options(const EvaluationRequest& request) {
  return {.resamples = request.resamples, .seed = request.seed};
}

/// What every summary tells of how it was made.
Json settings_json(const EvaluationRequest& request,
                   const EvaluationTask& task) {
  const eval::BootstrapOptions bootstrap = bootstrap_options(request);
  return {{"predictions", request.predictions},
          {"references", request.references},
          {"target", enum_name(task.target)},
          {"bootstrap",
           {{"level", bootstrap.level},
            {"resamples", bootstrap.resamples},
            {"seed", bootstrap.seed}}}};
}

std::string missing_text(MissingRule rule) {
  return std::string(
             "A class that neither prediction nor reference has does not "
             "count in that case; where only one of them has it, Dice, IoU and "
             "NSD are 0 and the distances ") +
         (rule == MissingRule::kDiagonal
              ? "are the diagonal of the case's image in mm"
              : "do not count");
}

/// The measured cases, in the order of the pairs; bad ones are added to `bad`.
std::vector<ScoredCase> score_cases(const MapPairs& pairs,
                                    const EvaluationTask& task,
                                    const EvaluationRequest& request,
                                    std::vector<BadCase>& bad) {
  const auto count = static_cast<int64_t>(pairs.complete.size());
  std::vector<std::optional<ScoredCase>> scored(count);
  std::vector<std::string> problems(count);
  at::set_num_threads(static_cast<int>(request.threads));
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const MapPair& pair = pairs.complete[i];
      log_progress("evaluating " + pair.id, "evaluating " + pair.id);
      try {
        scored[i] = score_case(pair, pairs.rank, task, request);
      } catch (const std::exception& error) {
        problems[i] = error_message(error);
      }
    }
  });
  log_progress("", "");
  std::vector<ScoredCase> good;
  for (int64_t i = 0; i < count; ++i) {
    if (scored[i]) {
      good.push_back(std::move(*scored[i]));
    } else {
      bad.push_back({pairs.complete[i].id, problems[i]});
    }
  }
  return good;
}

/// How often the rule for missing classes was applied.
Json missing_json(const std::vector<ScoredCase>& cases,
                  const EvaluationTask& task, MissingRule rule) {
  const size_t first = first_class(task.target);
  Json each = Json::object();
  int64_t all = 0;
  for (size_t k = first; k < task.classes.size(); ++k) {
    int64_t count = 0;
    for (const ScoredCase& scored : cases) {
      count += scored.missing.at(k - first) ? 1 : 0;
    }
    each[std::to_string(k)] = count;
    all += count;
  }
  return {{"rule", enum_name(rule)},
          {"text", missing_text(rule)},
          {"count", all},
          {"count_per_class", each}};
}

/// A summary without comparison, and the cases that are not in it; null
/// without a good case.
Json evaluate_segmentation(const EvaluationRequest& request,
                           const EvaluationTask& task,
                           std::vector<BadCase>& bad) {
  const MapPairs pairs = map_pairs(request, task);
  bad = pairs.incomplete;
  std::vector<ScoredCase> cases = score_cases(pairs, task, request, bad);
  if (cases.empty()) return nullptr;
  Json made = settings_json(request, task);
  made["label_values"] = task.label_values;
  made["tolerance_mm"] = request.tolerance;
  if (pairs.rank == 2) {
    const auto& given = request.pixel_spacing;
    // Without one distances are in pixels.
    made["pixel_spacing_mm"] = nullptr;
    if (!given.empty()) {
      made["pixel_spacing_mm"] = std::vector{given.front(), given.back()};
    }
  }
  made["missing"] = missing_json(cases, task, request.missing);
  Evaluation evaluation{task.target, task.classes, {}};
  for (ScoredCase& scored : cases) {
    evaluation.cases.push_back(std::move(scored.result));
  }
  Json summary{{"evaluation", made}};
  summary.update(Json::parse(evaluation.summary_json({})));
  summary["interval"] =
      score_intervals(score_table(summary), bootstrap_options(request));
  return summary;
}

Json evaluate_classification(const EvaluationRequest& request,
                             const EvaluationTask& task,
                             std::vector<BadCase>& bad) {
  const ClassifiedCases classified = classified_cases(request, task);
  bad = classified.bad;
  if (classified.evaluation.cases.empty()) return nullptr;
  Json summary{{"evaluation", settings_json(request, task)}};
  summary.update(Json::parse(classified.evaluation.summary_json({})));
  summary["interval"] =
      class_intervals(class_table(summary), bootstrap_options(request));
  return summary;
}

[[noreturn]] void fail_cases(const EvaluationRequest& request,
                             const std::vector<BadCase>& bad,
                             const Json& summary) {
  std::string text = fmt::format(
      "{} case{} cannot be evaluated, so nothing is written{}:", bad.size(),
      bad.size() == 1 ? "" : "s",
      request.skip_bad || summary.is_null()
          ? " (no case is good)"
          : "; correct this, or leave them out with --skip-bad");
  for (const BadCase& each : bad) {
    text += fmt::format("\n  {}: {}", each.id, each.problem);
  }
  throw DataError(text);
}

void write_files(const OutputFiles& files, const Json& summary) {
  const fs::path folder = fs::path(files.json).parent_path();
  std::error_code ignored;  // writing tells what is wrong
  if (!folder.empty()) fs::create_directories(folder, ignored);
  io::write_durably(files.csv, csv_of(summary));
  io::write_durably(files.markdown, markdown_of(summary));
  // A path need not be UTF-8.
  io::write_durably(
      files.json,
      summary.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace

EvaluationReport evaluate_predictions(const EvaluationRequest& request) {
  check_request(request);
  const EvaluationTask task = evaluation_task(request);
  const OutputFiles files = output_files(request);
  const Json other =
      request.compare.empty() ? Json() : read_summary(request.compare);
  EvaluationReport report;
  report.output = files.json;
  Json summary = augment::is_segmentation(task.target)
                     ? evaluate_segmentation(request, task, report.bad)
                     : evaluate_classification(request, task, report.bad);
  std::stable_sort(
      report.bad.begin(), report.bad.end(),
      [](const BadCase& a, const BadCase& b) { return a.id < b.id; });
  if (summary.is_null() || (!report.bad.empty() && !request.skip_bad)) {
    fail_cases(request, report.bad, summary);
  }
  // Facts of a training have no place here.
  summary.erase("run");
  summary["bad_cases"] = Json::array();
  for (const BadCase& each : report.bad) {
    log_warning(fmt::format("{} is left out: {}", each.id, each.problem));
    summary["bad_cases"].push_back(
        {{"case", each.id}, {"problem", each.problem}});
  }
  if (!request.compare.empty()) {
    summary["comparison"] = compare_summaries(summary, other, request.compare,
                                              bootstrap_options(request));
  }
  write_files(files, summary);
  report.cases = static_cast<int64_t>(summary["metric_per_case"].size());
  report.table = means_table(summary) + comparison_section(summary);
  return report;
}

std::string EvaluationReport::describe() const {
  return fmt::format(
      "\n{}\n{} cases evaluated, {} left out\n  output      {}\n", table, cases,
      bad.size(), output);
}

}  // namespace unimiss::report
