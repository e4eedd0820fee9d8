#include "unimiss/pretrain/run.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <utility>

#include "pretrain/preparation.h"
#include "unimiss/config/config_file.h"
#include "unimiss/core/log.h"
#include "unimiss/core/text.h"
#include "unimiss/distributed/agreement.h"
#include "unimiss/model/named_tensors.h"
#include "unimiss/pretrain/weight_export.h"
#include "unimiss/train/run_loop.h"
#include "unimiss/train/weight_file.h"

namespace unimiss::pretrain {
namespace {

train::StepRecord record_of(const StepReport& report) {
  train::StepRecord record;
  record.phase = report.plan.rank == 2 ? "2d" : "3d";
  record.loss = report.loss.item<double>();
  for (const auto& [name, tensor] : report.terms) {
    record.terms.emplace_back(name, tensor.item<double>());
  }
  record.lr = report.plan.lr;
  record.weight_decay = report.plan.weight_decay;
  record.grad_norm = report.grad_norm.item<double>();
  record.diagnostics.emplace_back(kMomentum, report.plan.momentum);
  for (const auto& [name, tensor] : report.diagnostics) {
    record.diagnostics.emplace_back(name, tensor.item<double>());
  }
  return record;
}

/// The pretraining of a run: its data, its step, and what it tells of itself.
class Pretraining : public train::Training {
 public:
  Pretraining(const PretrainConfig& config, const distributed::World& world,
              PreparedPretraining run)
      : Training(run.begins_at),
        config_(config),
        world_(world),
        run_(std::move(run)) {}

  int64_t total_steps() const override { return run_.schedule->total_steps(); }
  int64_t& nonfinite() override { return run_.position.nonfinite; }
  torch::Device device() const override { return run_.device; }
  int64_t state_bytes() const override {
    return run_.pretrainer->full_state_bytes();
  }
  int64_t result_bytes() const override {
    return export_bytes(*run_.pretrainer);
  }
  train::Facts facts() const override {
    return {{"images", run_.data.images.fingerprint},
            {"volumes", run_.data.volumes.fingerprint}};
  }
  train::Checkpoint checkpoint() const override {
    return make_checkpoint(run_, step());
  }

  void start() override {
    start_workers(run_.data, config_,
                  run_.device.is_cuda() ? BatchTarget::kGpu : BatchTarget::kCpu,
                  world_);
    if (auto& loader = run_.data.images.loader) {
      loader->seek(run_.position.batches_2d);
    }
    if (auto& loader = run_.data.volumes.loader) {
      loader->seek(run_.position.batches_3d);
    }
  }

  data::Loader& stream(int64_t ahead) override {
    const bool images = run_.schedule->at(step() + ahead).rank == 2;
    return *(images ? run_.data.images : run_.data.volumes).loader;
  }
  train::TakenStep take_step(const augment::Sample& batch) override {
    history_.add_views(batch);
    const StepReport report =
        run_.pretrainer->step(batch, run_.schedule->at(step()));
    return {record_of(report), report.outcome};
  }
  void advance() override {
    ++(next_are_images() ? run_.position.batches_2d : run_.position.batches_3d);
    Training::advance();
  }

  History& history() { return history_; }
  Pretrainer& pretrainer() { return *run_.pretrainer; }

  void describe(const train::RunFolder& folder, Summary& summary) {
    summary.images = run_.data.images.files;
    summary.volumes = run_.data.volumes.files;
    for (const DataStream* stream : {&run_.data.images, &run_.data.volumes}) {
      summary.left_out.insert(summary.left_out.end(), stream->left_out.begin(),
                              stream->left_out.end());
    }
    summary.parameters =
        model::parameter_count(*run_.pretrainer->networks().student);
    summary.images_only = config_.model.dimensions == model::Dimensions::k2d;
    for (const auto& each :
         config::compare(model::MitOptions(), config_.model)) {
      // Sizes and channels are those of the task.
      if (each.key == "dimensions" || each.key == "drop_path" ||
          each.key.ends_with("_size") || each.key.ends_with("_channels")) {
        continue;
      }
      const char* quote = each.right.find(' ') == std::string::npos ? "" : "'";
      summary.architecture +=
          fmt::format(" {0}model.{1}={2}{0}", quote, each.key, each.right);
    }
    summary.device = run_.device.str();
    summary.precision = enum_name(config_.run.precision);
    summary.model = fmt::format("MiT {}", enum_name(config_.model.variant));
    summary.largest_entropy =
        std::log(static_cast<double>(config_.head.prototypes));
    summary.output = folder.path();
    summary.log = folder.file("log.txt");
    summary.metrics = folder.file("metrics.jsonl");
    summary.picture = folder.file("progress.png");
    log_info(fmt::format(
        "{} ({} parameters) on {} in {}: {} images, {} volumes; {} steps, {} "
        "an epoch",
        summary.model, summary.parameters, summary.device, summary.precision,
        summary.images, summary.volumes, run_.schedule->total_steps(),
        run_.schedule->steps_per_epoch()));
  }

 private:
  bool next_are_images() const { return run_.schedule->at(step()).rank == 2; }

  const PretrainConfig& config_;
  const distributed::World& world_;
  PreparedPretraining run_;
  History history_;
};

}  // namespace

Summary run_pretraining(const PretrainConfig& config,
                        train::RunRequest request) {
  request.config_text = config::saved_text(config);
  train::RunLoop loop(config.run, request);
  train::RunFolder& folder = loop.folder();
  distributed::agreed(loop.communicator(), [&] {
    check_processes(config, loop.communicator().size());
  });
  // Handed over: its tensors are as large as the state.
  train::Beginning beginning = loop.beginning();
  std::optional<PreparedPretraining> prepared;
  distributed::agreed(loop.communicator(), [&] {
    prepared = prepare_pretraining(config, std::move(beginning), folder,
                                   loop.communicator());
  });
  Pretraining training(config, loop.communicator().world(),
                       *std::move(prepared));
  loop.begin(training, training.history());
  Summary summary;
  training.describe(folder, summary);
  summary.programs = request.programs;
  loop.train(training);
  if (!loop.leads()) return {};

  auto facts = train::size_facts(config.model);
  facts["step"] = std::to_string(training.step());
  facts["model"] = summary.model;
  facts["config"] = request.config_text;
  const ExportedFiles files =
      export_weights(folder.file("export"), training.pretrainer(), facts);
  summary.checkpoint = loop.checkpoints().file_of(training.step());
  summary.student_weights = files.student;
  summary.teacher_weights = files.teacher;
  summary.full_state = files.full;
  loop.output().sync();
  loop.output().draw();
  training.history().describe(summary);
  return summary;
}

}  // namespace unimiss::pretrain
