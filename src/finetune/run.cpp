#include "unimiss/finetune/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "finetune/history.h"
#include "finetune/preparation.h"
#include "finetune/validation.h"
#include "unimiss/config/config_file.h"
#include "unimiss/core/log.h"
#include "unimiss/core/random.h"
#include "unimiss/core/stopwatch.h"
#include "unimiss/core/text.h"
#include "unimiss/data/split.h"
#include "unimiss/distributed/agreement.h"
#include "unimiss/model/named_tensors.h"
#include "unimiss/report/summary_file.h"
#include "unimiss/task/final_weights.h"
#include "unimiss/task/saved_network.h"
#include "unimiss/train/run_loop.h"
#include "unimiss/train/weight_file.h"

namespace unimiss::finetune {
namespace {

std::string score_text(const std::optional<double>& score) {
  return score ? fmt::format("{:.4f}", *score) : "undefined";
}

/// The fine-tuning of a run: its data, its step, its validation.
class Finetuning : public train::Training {
 public:
  Finetuning(const FinetuneConfig& config, const train::RunRequest& request,
             train::RunLoop& loop, PreparedFinetuning run)
      : Training(run.begins_at),
        config_(config),
        request_(request),
        loop_(loop),
        run_(std::move(run)),
        history_(run_.finetuner->network().spec(),
                 run_.schedule->steps_per_epoch()) {}

  int64_t total_steps() const override { return run_.schedule->total_steps(); }
  bool finished() const override {
    return !pending() && (step() >= total_steps() || out_of_patience());
  }
  int64_t& nonfinite() override { return run_.position.nonfinite; }
  torch::Device device() const override { return run_.device; }
  int64_t state_bytes() const override {
    // With the best weights.
    return run_.finetuner->full_state_bytes() +
           model::tensor_bytes(run_.finetuner->network().module());
  }
  int64_t result_bytes() const override {
    return 3 * model::tensor_bytes(run_.finetuner->network().module());
  }
  train::Facts facts() const override {
    return {{"cases", run_.fingerprint()}};
  }
  train::Checkpoint checkpoint() const override {
    return make_checkpoint(run_, step());
  }

  void start() override {
    loader_ = make_loader(config_, run_.data, run_.device,
                          loop_.communicator().world());
    loader_->seek(step());
  }

  data::Loader& stream(int64_t /*ahead*/) override { return *loader_; }
  train::TakenStep take_step(const augment::Sample& batch) override;

  bool pending() const override {
    const int64_t every =
        config_.validation.every_epochs * run_.schedule->steps_per_epoch();
    return !run_.data.validation.empty() && step() > 0 &&
           run_.position.validated != step() &&
           (step() % every == 0 || step() == total_steps());
  }
  void do_pending(const std::function<bool()>& asked_to_stop,
                  train::RunOutput* output) override;

  bool out_of_patience() const {
    const int64_t patience = config_.validation.patience;
    return patience > 0 && run_.position.since_best >= patience;
  }

  History& history() { return history_; }
  PreparedFinetuning& prepared() { return run_; }

  /// Exports the last weights and loads the final ones, on all processes; their
  /// file.
  std::string settle_weights();
  /// What the final weights say of some cases: evaluated and written to
  /// `<run>/<name>/`, unless that has been done before; the numbers. Throws
  /// Preempted.
  std::map<std::string, double> test(const std::string& name,
                                     const std::vector<int64_t>& numbers,
                                     const std::string& weights);

 private:
  std::map<std::string, std::string> weight_facts(
      const std::string& which) const;
  /// The best weights so far, and where they come from.
  struct Best {
    BestWeights weights;
    int64_t step = 0;
    double score = 0;
  };
  void export_best(const Best& best) const;
  Best best_of(const task::Task& network, const char* which,
               double score) const;

  const FinetuneConfig& config_;
  const train::RunRequest& request_;
  train::RunLoop& loop_;
  PreparedFinetuning run_;
  History history_;
  std::unique_ptr<data::Loader> loader_;
};

train::TakenStep Finetuning::take_step(const augment::Sample& batch) {
  history_.add_batch(batch);
  train::StepRecord record;
  record.lr = run_.schedule->lr(step());
  const StepReport report = run_.finetuner->step(batch, record.lr);
  record.phase = run_.finetuner->network().spec().rank() == 2 ? "2d" : "3d";
  record.loss = report.loss.item<double>();
  record.weight_decay = config_.optimizer.weight_decay;
  record.grad_norm = report.grad_norm.item<double>();
  return {record, report.outcome};
}

std::map<std::string, std::string> Finetuning::weight_facts(
    const std::string& which) const {
  auto facts = task::network_facts(request_.config_text, run_.cases.classes);
  facts["step"] = std::to_string(step());
  facts["of"] = which;
  return facts;
}

/// Of a network that is the best so far at this step.
Finetuning::Best Finetuning::best_of(const task::Task& network,
                                     const char* which, double score) const {
  Best best{{{}, which}, step(), score};
  for (const auto& [name, parameter] : network.official_weights()) {
    best.weights.weights[name] = parameter.detach().cpu().clone();
  }
  return best;
}

void Finetuning::export_best(const Best& best) const {
  auto facts = weight_facts(best.weights.of);
  facts["step"] = std::to_string(best.step);
  facts["score"] = fmt::format("{}", best.score);
  train::save_weights(loop_.folder().file("export/best.safetensors"),
                      best.weights.weights, facts);
}

void Finetuning::do_pending(const std::function<bool()>& asked_to_stop,
                            train::RunOutput* output) {
  const Stopwatch stopwatch;
  std::vector<int64_t> numbers = run_.data.validation;
  const auto most = static_cast<size_t>(config_.validation.max_cases);
  if (most > 0 && numbers.size() > most) numbers.resize(most);
  task::Task& network = run_.finetuner->network();
  task::Task* average = run_.finetuner->average();
  std::vector<task::Task*> networks{&network};
  if (average != nullptr) networks.push_back(average);
  const auto found = evaluate(loop_.communicator(), networks, *run_.data.cache,
                              numbers, asked_to_stop);
  if (!found) return;
  const report::Results& raw = found->front();
  const report::Results* averaged =
      average != nullptr ? &found->back() : nullptr;
  const auto score = report::score(raw);
  const auto other = averaged ? report::score(*averaged) : std::nullopt;

  train::Metrics record{{"step", step()},
                        {"phase", std::string(kValidationPhase)}};
  for (const auto& [name, value] : report::numbers(raw)) {
    record.emplace_back(name, value);
  }
  std::string line =
      fmt::format("epoch {:.4g}: validation {} {}",
                  static_cast<double>(step()) /
                      static_cast<double>(run_.schedule->steps_per_epoch()),
                  report::score_name(raw), score_text(score));
  if (averaged) {
    for (const auto& [name, value] : report::numbers(*averaged)) {
      record.emplace_back(name + "_average", value);
    }
    line += fmt::format(", of the average {}", score_text(other));
  }
  record.emplace_back("seconds", stopwatch.seconds());
  const bool average_wins = other > score;  // what is not defined never wins
  const auto highest = average_wins ? other : score;
  std::optional<Best> best;
  if (highest && *highest > run_.position.best_score) {
    best = best_of(average_wins ? *average : network,
                   average_wins ? "average" : "network", *highest);
    line += ", the best so far";
  }
  // What fails here is done again by the next start.
  distributed::agreed(loop_.communicator(), [&] {
    if (!loop_.leads()) return;
    if (best) export_best(*best);
    output->add_other(step(), record, line);
  });
  // A score that is not defined is neither better nor worse than others.
  if (highest) ++run_.position.since_best;
  if (best) {
    run_.best = std::move(best->weights);
    run_.position.best_score = best->score;
    run_.position.best_step = best->step;
    run_.position.since_best = 0;
  }
  run_.position.validated = step();
}

std::string Finetuning::settle_weights() {
  distributed::agreed(loop_.communicator(), [&] {
    if (!loop_.leads()) return;
    const std::string folder = loop_.folder().file("export/");
    const task::Task* average = run_.finetuner->average();
    train::save_weights(folder + "last.safetensors",
                        run_.finetuner->network().official_weights(),
                        weight_facts("network"));
    if (average != nullptr) {
      train::save_weights(folder + "last_average.safetensors",
                          average->official_weights(), weight_facts("average"));
    }
    const auto& at = run_.position;
    if (at.best_step > 0) export_best({run_.best, at.best_step, at.best_score});
  });
  // The first process looks, for all.
  std::string weights =
      loop_.leads()
          ? task::final_weights_file(loop_.folder().path(), config_.validation)
          : "";
  weights = loop_.communicator().gather(weights)[0];
  distributed::agreed(loop_.communicator(), [&] {
    task::load_weights(weights, run_.finetuner->network());
  });
  return weights;
}

std::map<std::string, double> Finetuning::test(
    const std::string& name, const std::vector<int64_t>& numbers,
    const std::string& weights) {
  if (numbers.empty()) return {};
  const std::string folder = loop_.folder().file(name);
  const std::string file = folder + "/summary.json";
  const auto facts_with = [&](const std::string& config_text) {
    return std::map<std::string, std::string>{
        {"weights", std::filesystem::path(weights).filename().string()},
        {"step", std::to_string(run_.position.best_step)},
        {"last_step", std::to_string(step())},
        {"config", fmt::format("{:016x}", fnv1a64(config_text))}};
  };
  const auto facts = facts_with(request_.config_text);
  // The first process looks, for all.
  std::optional<report::Summary> before;
  if (loop_.leads()) before = report::find_summary(file);
  const bool there = before && (before->facts == facts ||
                                before->facts == facts_with(run_.earlier_text));
  if (distributed::agree(loop_.communicator(), {nullptr, {}, there}).save) {
    log_info(file + " is there already");
    return before ? report::numbers(before->results)
                  : std::map<std::string, double>();
  }
  log_info(fmt::format("{}: predicting {} cases with {}", name, numbers.size(),
                       weights));
  const auto asked = [&] { return loop_.stop_reason().has_value(); };
  const auto found =
      evaluate(loop_.communicator(), {&run_.finetuner->network()},
               *run_.data.cache, numbers, asked, folder + "/predictions");
  if (!found) {
    throw Preempted(fmt::format(
        "stopped by {} after training, while predicting; run the same command "
        "again to go on",
        loop_.stop_reason().value_or("a signal to another process")));
  }
  const report::Results& results = found->front();
  distributed::agreed(loop_.communicator(), [&] {
    if (!loop_.leads()) return;
    std::filesystem::create_directories(folder);
    report::write_summary(file, {facts, results, {}});
  });
  return report::numbers(results);
}

void describe_beginning(const FinetuneConfig& config, PreparedFinetuning& run,
                        const train::RunFolder& folder, Summary& summary) {
  const torch::nn::Module& module = run.finetuner->network().module();
  summary.parameters = model::parameter_count(module);
  summary.trained_parameters = model::trained_parameter_count(module);
  summary.device = run.device.str();
  summary.precision = enum_name(config.run.precision);
  summary.model = fmt::format("MiT {}", enum_name(config.model.variant));
  summary.train = static_cast<int64_t>(run.data.train.size());
  summary.validation = static_cast<int64_t>(run.data.validation.size());
  summary.test = static_cast<int64_t>(run.data.test.size());
  summary.left_out = run.data.left_out;
  summary.output = folder.path();
  summary.log = folder.file("log.txt");
  summary.metrics = folder.file("metrics.jsonl");
  summary.picture = folder.file("progress.png");
  log_info(fmt::format(
      "{} ({} parameters, {} trained) on {} in {}: {} cases to train on (of {} "
      "listed), {} to validate, {} to test; {} steps, {} an epoch",
      summary.model, summary.parameters, summary.trained_parameters,
      summary.device, summary.precision, summary.train, run.cases.listed,
      summary.validation, summary.test, run.schedule->total_steps(),
      run.schedule->steps_per_epoch()));
}

}  // namespace

Summary run_finetuning(const FinetuneConfig& config,
                       train::RunRequest request) {
  request.config_text = config::saved_text(config);
  train::RunLoop loop(config.run, request);
  train::RunFolder& folder = loop.folder();
  distributed::agreed(loop.communicator(), [&] {
    check_processes(config, loop.communicator().size());
  });
  // Handed over: its tensors are as large as the state.
  train::Beginning beginning = loop.beginning();
  std::optional<PreparedFinetuning> prepared;
  distributed::agreed(loop.communicator(), [&] {
    prepared = prepare_finetuning(config, std::move(beginning), folder,
                                  loop.communicator());
  });
  Finetuning training(config, request, loop, *std::move(prepared));
  PreparedFinetuning& run = training.prepared();
  loop.begin(training, training.history());
  const std::string splits = folder.file("splits.json");
  distributed::agreed(loop.communicator(), [&] {
    if (!loop.leads() || std::filesystem::exists(splits)) return;
    data::write_split(splits, run.cases.split);
  });
  Summary summary;
  describe_beginning(config, run, folder, summary);
  summary.programs = request.programs;
  summary.references = run.finetuner->network().spec().target.is_segmentation()
                           ? "labels"
                           : "test.txt";
  loop.train(training);

  summary.weights = training.settle_weights();
  training.test("validation", run.data.validation, summary.weights);
  summary.test_numbers = training.test("test", run.data.test, summary.weights);
  if (!loop.leads()) return {};
  if (!run.data.test.empty()) {
    summary.test_summary = folder.file("test/summary.json");
  }
  summary.score_name =
      report::score_name(report::results_of(config.task.target, {}, {}));
  summary.total_steps = training.total_steps();
  summary.stopped_early = training.step() < training.total_steps();
  if (run.position.best_step > 0) {
    summary.best_step = run.position.best_step;
    summary.best_score = run.position.best_score;
  }
  loop.output().sync();
  loop.output().draw();
  training.history().describe(summary);
  return summary;
}

}  // namespace unimiss::finetune
