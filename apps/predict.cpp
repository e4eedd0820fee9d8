// unimiss-predict: label maps and probabilities of new cases.
#include <ATen/Context.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cli.h"
#include "unimiss/core/log.h"
#include "unimiss/distributed/process.h"
#include "unimiss/predict/prediction.h"

namespace unimiss {
namespace {

struct PredictArguments {
  predict::PredictionRequest request;
  std::string job;
  int64_t jobs = 1;
};

void add_options(CLI::App& app, PredictArguments& arguments) {
  auto& request = arguments.request;
  app.add_option("--model", request.models,
                 "folder of a fine-tuning that has finished, or a file of its "
                 "export/; several are an ensemble")
      ->required();
  app.add_option("--input", request.input,
                 "an image or volume, a folder of them (or of DICOM series), "
                 "or a list (.txt, .csv)")
      ->required();
  app.add_option("--output", request.output, "folder for the predictions")
      ->required();
  add_choice<predict::TestTimeMirror>(
      app, "--tta", request.mirror,
      "test-time augmentation: none, or mirror, along the axes that training "
      "mirrored; left out: inference.mirror of each run");
  app.add_option("--step", request.step,
                 "distance of neighboring windows as a share of the window; "
                 "left out: inference.step of each run");
  add_choice<Precision>(
      app, "--precision", request.precision,
      "arithmetic of the networks; left out: run.precision of each run");
  app.add_option("--batch", request.batch,
                 "windows of one forward pass; left out: as in each run")
      ->check(CLI::Range(1, 1 << 20));
  app.add_flag("--save-probabilities", request.probabilities,
               "also save the probability of each class");
  app.add_flag("--overlays", request.overlays,
               "also draw image, reference and prediction of each case");
  app.add_option("--references", request.references,
                 "folder of reference maps named as the cases: for overlays "
                 "and Dice coefficients");
  add_choice<DeviceChoice>(app, "--device", request.device,
                           "auto: a GPU where there is one");
  app.add_option("--threads", request.threads,
                 "threads of each process; left out: all cores, shared")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.add_option("--jobs", arguments.jobs,
                 "processes that share the cases; each GPU takes its turn")
      ->check(CLI::Range(1, 1024))
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
      ->capture_default_str();
  app.add_option("overrides", request.overrides,
                 "inference.key=value; --step, --batch and --tta are short for "
                 "keys of that group");
  app.add_option("--job", arguments.job,
                 "I/N: take only the cases I, I + N, ... (from 0), for jobs "
                 "that are started by hand or on several machines");
}

/// Overrides that stand behind --model, which takes as many words as follow.
void separate_overrides(predict::PredictionRequest& request) {
  const auto is_override = [](const std::string& word) {
    return word.starts_with("inference.") &&
           word.find('=') != std::string::npos;
  };
  std::copy_if(request.models.begin(), request.models.end(),
               std::back_inserter(request.overrides), is_override);
  std::erase_if(request.models, is_override);
  require(!request.models.empty(), "--model", "names no run");
}

/// "1/4" to 1 of 4.
void read_job(const std::string& text, predict::PredictionRequest& request) {
  char* end = nullptr;
  request.job = std::strtoll(text.c_str(), &end, 10);
  if (end != text.c_str() && *end == '/') {
    const char* jobs = end + 1;
    request.jobs = std::strtoll(jobs, &end, 10);
    if (end != jobs && *end == '\0') return;
  }
  throw ConfigError("--job: must be I/N, as 0/4 (is '" + text + "')");
}

constexpr std::string_view kVisibleGpus = "CUDA_VISIBLE_DEVICES";

/// The environment of a job: it sees one GPU of those there are.
std::vector<std::string> environment_of(int64_t job) {
  std::vector<std::string> variables = distributed::own_environment();
  const auto gpus = static_cast<int64_t>(at::getNumGPUs());
  if (gpus <= 1) return variables;
  std::string gpu = std::to_string(job % gpus);
  std::erase_if(variables, [&](const std::string& variable) {
    if (!variable.starts_with(std::string(kVisibleGpus) + "=")) return false;
    // Of those that this process sees itself.
    std::istringstream visible(variable.substr(kVisibleGpus.size() + 1));
    for (int64_t i = 0; i <= job % gpus; ++i) std::getline(visible, gpu, ',');
    return true;
  });
  variables.push_back(fmt::format("{}={}", kVisibleGpus, gpu));
  return variables;
}

/// Starts this program again as one of several jobs; its process.
distributed::ProcessId start_job(int argc, char** argv, int64_t job,
                                 int64_t jobs, int64_t threads) {
  // Of what is given twice the last one counts.
  std::vector<std::string> words(argv, argv + argc);
  words.push_back(fmt::format("--job={}/{}", job, jobs));
  words.emplace_back("--jobs=1");
  if (threads > 0) words.push_back(fmt::format("--threads={}", threads));
  std::vector<std::string> variables = environment_of(job);
  return distributed::start_process("/proc/self/exe", words, variables);
}

/// The worst of all jobs' statuses.
int run_jobs(int argc, char** argv, const PredictArguments& arguments) {
  const int64_t cores =
      std::max<int64_t>(1, std::thread::hardware_concurrency());
  const int64_t threads = arguments.request.threads > 0
                              ? 0
                              : std::max<int64_t>(1, cores / arguments.jobs);
  std::vector<distributed::ProcessId> processes;
  for (int64_t job = 0; job < arguments.jobs; ++job) {
    processes.push_back(start_job(argc, argv, job, arguments.jobs, threads));
  }
  int worst = 0;
  for (const distributed::ProcessId process : processes) {
    worst = std::max(worst, distributed::status_of(process));
  }
  predict::gather_predictions(arguments.request);
  return worst;
}

int predict_cases(int argc, char** argv, PredictArguments& arguments) {
  auto& request = arguments.request;
  separate_overrides(request);
  if (arguments.jobs > 1) {
    require(arguments.job.empty(), "--jobs",
            "starts the jobs itself; leave --job out");
    return run_jobs(argc, argv, arguments);
  }
  if (!arguments.job.empty()) read_job(arguments.job, request);
  const predict::PredictionSummary summary = predict::run_prediction(request);
  std::cout << summary.describe() << std::flush;
  return summary.problems.empty() ? 0 : kExitFailed;
}

}  // namespace
}  // namespace unimiss

int main(int argc, char** argv) {
  using namespace unimiss;
  tune_allocator();
  distributed::end_with_parent();
  CLI::App app(
      "Predicts label maps or classes of new cases with networks of "
      "unimiss-finetune. A second call does what is missing.");
  PredictArguments arguments;
  add_options(app, arguments);
  int status = 0;
  const int failed = run_app(
      app, argc, argv, [&] { status = predict_cases(argc, argv, arguments); });
  return failed != 0 ? failed : status;
}
