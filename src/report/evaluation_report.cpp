#include "unimiss/report/evaluation_report.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "report/class_scores.h"
#include "report/evaluation_input.h"
#include "report/evaluation_tables.h"
#include "report/score_table.h"
#include "report/segmentation_scores.h"
#include "report/summary_comparison.h"
#include "unimiss/core/error_message.h"
#include "unimiss/core/log.h"
#include "unimiss/core/problems.h"
#include "unimiss/io/durable_file.h"

namespace unimiss::report {
namespace {

namespace fs = std::filesystem;

/// summary.json and its tables.
struct OutputFiles {
  std::string json, markdown, csv;
};

/// Whether a file is a summary of evaluate_predictions().
bool is_of_evaluation(const std::string& path) {
  const auto summary = find_summary(path);
  return summary && summary->evaluation;
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
EvaluationSettings settings_of(const EvaluationRequest& request,
                               const PredictedTask& task) {
  EvaluationSettings settings;
  settings.predictions = request.predictions;
  settings.references = request.references;
  settings.target = task.target.name();
  settings.bootstrap = bootstrap_options(request);
  return settings;
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
                                    const PredictedTask& task,
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

/// How often the rule for missing classes was applied, by class.
std::vector<int64_t> count_missing(const std::vector<ScoredCase>& cases) {
  std::vector<int64_t> counts(cases.front().missing.size(), 0);
  for (const ScoredCase& scored : cases) {
    for (size_t k = 0; k < counts.size(); ++k) {
      counts[k] += scored.missing.at(k) ? 1 : 0;
    }
  }
  return counts;
}

/// A summary without comparison, and the cases that are not in it; nothing
/// without a good case.
std::optional<Summary> evaluate_segmentation(const EvaluationRequest& request,
                                             const PredictedTask& task,
                                             std::vector<BadCase>& bad) {
  const MapPairs pairs = map_pairs(request, task);
  bad = pairs.incomplete;
  std::vector<ScoredCase> scored = score_cases(pairs, task, request, bad);
  if (scored.empty()) return std::nullopt;
  EvaluationFacts evaluation{settings_of(request, task), {}, {}, {}};
  EvaluationSettings& settings = evaluation.settings;
  settings.label_values = task.label_values;
  settings.tolerance = request.tolerance;
  if (pairs.rank == 2) {
    const auto& given = request.pixel_spacing;
    settings.pixel_spacing =
        given.empty() ? given : std::vector{given.front(), given.back()};
  }
  settings.missing_rule = enum_name(request.missing);
  settings.missing_text = missing_text(request.missing);
  settings.missing = count_missing(scored);
  std::vector<SegmentedCase> cases;
  for (ScoredCase& each : scored) cases.push_back(std::move(each.result));
  SegmentationResults results = segmentation_results(
      foreground_classes(task.target.relation(), task.classes),
      std::move(cases));
  evaluation.intervals = score_intervals(results, settings.bootstrap);
  return Summary{{}, std::move(results), std::move(evaluation)};
}

std::optional<Summary> evaluate_classification(const EvaluationRequest& request,
                                               const PredictedTask& task,
                                               std::vector<BadCase>& bad) {
  CollectedCases collected = collect_cases(request, task);
  bad = collected.bad;
  if (collected.cases.empty()) return std::nullopt;
  ClassificationResults results = classification_results(
      task.target.relation(), collected.classes, std::move(collected.cases));
  EvaluationFacts evaluation{settings_of(request, task), {}, {}, {}};
  evaluation.intervals =
      class_intervals(results, evaluation.settings.bootstrap);
  return Summary{{}, std::move(results), std::move(evaluation)};
}

[[noreturn]] void fail_cases(const EvaluationRequest& request,
                             const std::vector<BadCase>& bad,
                             const std::optional<Summary>& summary) {
  std::string text = fmt::format(
      "{} case{} cannot be evaluated, so nothing is written{}:", bad.size(),
      bad.size() == 1 ? "" : "s",
      request.skip_bad || !summary
          ? " (no case is good)"
          : "; correct this, or leave them out with --skip-bad");
  for (const BadCase& each : bad) {
    text += fmt::format("\n  {}: {}", each.id, each.problem);
  }
  throw DataError(text);
}

void write_files(const OutputFiles& files, const Summary& summary) {
  const fs::path folder = fs::path(files.json).parent_path();
  std::error_code ignored;  // writing tells what is wrong
  if (!folder.empty()) fs::create_directories(folder, ignored);
  io::write_durably(files.csv, csv_of(summary));
  io::write_durably(files.markdown, markdown_of(summary));
  write_summary(files.json, summary);
}

}  // namespace

EvaluationReport evaluate_predictions(const EvaluationRequest& request) {
  check_request(request);
  const PredictedTask task = evaluation_task(request);
  const OutputFiles files = output_files(request);
  std::optional<Summary> other;
  if (!request.compare.empty()) {
    other = before_work([&] { return read_summary(request.compare); });
  }
  EvaluationReport report;
  report.output = files.json;
  std::optional<Summary> summary =
      task.target.is_segmentation()
          ? evaluate_segmentation(request, task, report.bad)
          : evaluate_classification(request, task, report.bad);
  std::stable_sort(
      report.bad.begin(), report.bad.end(),
      [](const BadCase& a, const BadCase& b) { return a.id < b.id; });
  if (!summary || (!report.bad.empty() && !request.skip_bad)) {
    fail_cases(request, report.bad, summary);
  }
  for (const BadCase& each : report.bad) {
    log_warning(fmt::format("{} is left out: {}", each.id, each.problem));
  }
  summary->evaluation->bad = report.bad;
  if (other) {
    summary->evaluation->comparison = compare_summaries(
        *summary, *other, request.compare, bootstrap_options(request));
  }
  write_files(files, *summary);
  report.cases = case_count(summary->results);
  report.table = means_table(*summary) + comparison_section(*summary);
  return report;
}

std::string EvaluationReport::describe() const {
  return fmt::format(
      "\n{}\n{} cases evaluated, {} left out\n  output      {}\n", table, cases,
      bad.size(), output);
}

}  // namespace unimiss::report
