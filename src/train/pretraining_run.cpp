#include "unimiss/train/pretraining_run.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <numeric>

#include "unimiss/core/log.h"
#include "unimiss/core/stopwatch.h"
#include "unimiss/io/tensor_archive.h"
#include "unimiss/train/contact_sheet.h"
#include "unimiss/train/metric_log.h"
#include "unimiss/train/pretrain_data.h"
#include "unimiss/train/pretrainer.h"

namespace unimiss::train {
namespace {

namespace fs = std::filesystem;

/// Refuses a folder in which something would be overwritten.
void check_folder(const std::string& output) {
  for (const char* name : {"metrics.jsonl", "config.yaml", "log.txt"}) {
    if (!fs::exists(fs::path(output) / name)) continue;
    throw ConfigError(fmt::format(
        "run.output: {} holds a run already (there is a {}); name another "
        "folder, or move that one away",
        output, name));
  }
}

void make_folder(const std::string& output, const std::string& config_text) {
  std::error_code error;
  fs::create_directories(fs::path(output) / "checkpoints", error);
  fs::create_directories(fs::path(output) / "export", error);
  std::ofstream file(fs::path(output) / "config.yaml");
  file << config_text;
  if (error || !file.flush()) {
    throw ConfigError("run.output: the folder " + output +
                      " cannot be written (missing rights, or a full disk?); "
                      "name another one");
  }
}

/// How a step got its batch.
struct DataSupply {
  double wait_seconds = 0;
  int64_t ready_batches = 0;  ///< that waited when it was asked for
};

/// Collects what the summary and the picture need from every step.
class Progress {
 public:
  Progress(PretrainingSummary& summary, const Schedule& schedule,
           torch::Device device)
      : summary_(summary),
        schedule_(schedule),
        device_(device),
        metrics_(summary.metrics) {}

  void add(const StepReport& report, int64_t samples, double step_seconds,
           const DataSupply& data) {
    const bool images = report.plan.rank == 2;
    const std::string phase = images ? "2d" : "3d";
    const double rate = static_cast<double>(samples) / step_seconds;
    const int64_t step = report.plan.step + 1;
    const double loss = report.loss.item<double>();
    const double norm = report.grad_norm.item<double>();
    const double entropy = report.teacher_entropy.item<double>();
    Metrics record{{"step", step}, {"phase", phase}, {"loss", loss}};
    std::string terms;
    for (const auto& [name, tensor] : report.terms) {
      const double value = tensor.item<double>();
      record.emplace_back(name, value);
      terms_[name].push_back(value);
      sheet.add_term(name, step, value);
      if (report.terms.size() > 1)
        terms += fmt::format(" {} {:.3f}", name, value);
    }
    entropies_[phase].push_back(entropy);
    sheet.add_entropy(phase, step, entropy);
    for (auto& [name, value] :
         Metrics{{"lr", report.plan.lr},
                 {"weight_decay", report.plan.weight_decay},
                 {"momentum", report.plan.momentum},
                 {"grad_norm", norm},
                 {"teacher_entropy", entropy},
                 {"samples_per_second", rate},
                 {"data_wait", data.wait_seconds / step_seconds},
                 {"queue_depth", data.ready_batches},
                 {"peak_memory_mb", peak_memory_mb(device_)}}) {
      record.emplace_back(name, value);
    }
    metrics_.write(record);
    log_info(fmt::format(
        "step {}/{} {} loss {:.4f}{} lr {:.2e} grad {:.3f} entropy {:.3f} "
        "{:.1f} samples/s{}",
        step, schedule_.total_steps(), phase, loss, terms, report.plan.lr, norm,
        entropy, rate, report.skipped ? " (skipped: fp16 overflow)" : ""));

    (images ? summary_.samples_2d : summary_.samples_3d) += samples;
    (images ? seconds_2d_ : seconds_3d_) += step_seconds;
    wait_ += data.wait_seconds;
    summary_.steps = step;
  }

  void finish() {
    summary_.seconds = seconds_2d_ + seconds_3d_;
    auto rate = [](int64_t samples, double seconds) {
      return seconds > 0 ? static_cast<double>(samples) / seconds : 0.0;
    };
    summary_.samples_per_second_2d = rate(summary_.samples_2d, seconds_2d_);
    summary_.samples_per_second_3d = rate(summary_.samples_3d, seconds_3d_);
    summary_.data_wait = wait_ / std::max(summary_.seconds, 1e-9);
    summary_.peak_memory_mb = peak_memory_mb(device_);
    summary_.terms = courses(terms_);
    summary_.entropies = courses(entropies_);
  }

  ContactSheet sheet;

 private:
  using Values = std::vector<double>;

  static std::vector<Course> courses(
      const std::map<std::string, Values>& histories) {
    auto mean = [](Values::const_iterator begin, std::ptrdiff_t count) {
      return std::accumulate(begin, begin + count, 0.0) /
             static_cast<double>(count);
    };
    std::vector<Course> courses;
    for (const auto& [name, values] : histories) {
      const auto tenth =
          static_cast<std::ptrdiff_t>(std::max<size_t>(1, values.size() / 10));
      courses.push_back({name, mean(values.begin(), tenth),
                         mean(values.end() - tenth, tenth)});
    }
    return courses;
  }

  PretrainingSummary& summary_;
  const Schedule& schedule_;
  const torch::Device device_;
  MetricLog metrics_;
  std::map<std::string, Values> terms_, entropies_;
  double seconds_2d_ = 0, seconds_3d_ = 0, wait_ = 0;
};

/// Whether the run has a step of that kind.
bool reaches(const Schedule& schedule, int rank) {
  for (int64_t step = 0; step < schedule.total_steps(); ++step) {
    if (schedule.at(step).rank == rank) return true;
  }
  return false;
}

/// For so many samples of each kind.
Schedule make_schedule(const PretrainConfig& config, int64_t images,
                       int64_t volumes) {
  Schedule schedule(
      config.schedule,
      {images, volumes, config.data.batch_size_2d, config.data.batch_size_3d,
       config.run.epochs, config.run.max_steps},
      config.optimizer.lr, config.loss.objective.teacher_temperature);
  require(reaches(schedule, 2) || images == 0, "run.max_steps",
          "ends the run before its first image");
  require(reaches(schedule, 3) || volumes == 0, "run.max_steps",
          "ends the run before its first volume; raise it, or lower "
          "schedule.interval");
  return schedule;
}

PretrainerOptions pretrainer_options(const PretrainConfig& config,
                                     torch::Device device) {
  PretrainerOptions options;
  options.model = config.model;
  options.head = config.head;
  options.objective = config.loss.objective;
  options.optimizer = config.optimizer;
  options.device = device;
  options.precision = config.run.precision;
  return options;
}

void begin_folder(PretrainingSummary& summary, const std::string& output,
                  const std::string& resolved_config) {
  make_folder(output, resolved_config);
  summary.output = output;
  summary.log = output + "/log.txt";
  summary.metrics = output + "/metrics.jsonl";
  log_to_file(summary.log);
}

void describe_data(PretrainingSummary& summary, const PretrainData& data) {
  summary.images = data.images.files;
  summary.volumes = data.volumes.files;
  for (const DataStream* stream : {&data.images, &data.volumes}) {
    summary.left_out.insert(summary.left_out.end(), stream->left_out.begin(),
                            stream->left_out.end());
  }
}

void describe_network(PretrainingSummary& summary, Pretrainer& pretrainer,
                      const PretrainConfig& config) {
  for (const auto& parameter : pretrainer.networks().student->parameters()) {
    summary.parameters += parameter.numel();
  }
  summary.precision = enum_name(config.run.precision);
  summary.model =
      std::string("MiT ") + std::string(enum_name(config.model.variant));
  summary.largest_entropy =
      std::log(static_cast<double>(config.head.prototypes));
}

void save_results(PretrainingSummary& summary, Pretrainer& pretrainer,
                  const ContactSheet& sheet) {
  summary.checkpoint = fmt::format("{}/checkpoints/step_{:08}.safetensors",
                                   summary.output, summary.steps);
  io::save_tensors(summary.checkpoint, pretrainer.state(),
                   {{"step", std::to_string(summary.steps)}});
  summary.student_weights = summary.output + "/export/student.safetensors";
  summary.teacher_weights = summary.output + "/export/teacher.safetensors";
  auto& networks = pretrainer.networks();
  io::save_tensors(summary.student_weights,
                   Pretrainer::official_weights(networks.student));
  io::save_tensors(summary.teacher_weights,
                   Pretrainer::official_weights(networks.teacher));
  summary.picture = summary.output + "/progress.png";
  sheet.write(summary.picture);
}

}  // namespace

PretrainingSummary run_pretraining(const PretrainConfig& config,
                                   const std::string& resolved_config) {
  config.validate();
  const torch::Device device = choose_device(config.run.device);
  require(config.run.precision != Precision::kFp16 || device.is_cuda(),
          "run.precision", "fp16 needs a GPU; use bf16 or fp32 on a CPU");
  if (config.run.threads > 0) {
    at::set_num_threads(static_cast<int>(config.run.threads));
  }
  at::manual_seed(static_cast<uint64_t>(config.run.seed));

  check_folder(config.run.output);
  const PretrainLists lists = read_lists(config);
  // Mistakes are told before files are decoded, which may take hours.
  make_schedule(config, static_cast<int64_t>(lists.images.paths.size()),
                static_cast<int64_t>(lists.volumes.paths.size()) *
                    config.data.samples_per_volume);
  PretrainData data = open_data(config, lists);
  const Schedule schedule =
      make_schedule(config, data.images.samples(), data.volumes.samples());

  PretrainingSummary summary;
  begin_folder(summary, config.run.output, resolved_config);
  describe_data(summary, data);
  summary.device = device.str();
  Pretrainer pretrainer(pretrainer_options(config, device));
  describe_network(summary, pretrainer, config);
  log_info(fmt::format(
      "{} ({} parameters) on {} in {}: {} images, {} volumes; {} steps, {} an "
      "epoch",
      summary.model, summary.parameters, summary.device, summary.precision,
      summary.images, summary.volumes, schedule.total_steps(),
      schedule.steps_per_epoch()));

  start_workers(data, config,
                device.is_cuda() ? BatchTarget::kGpu : BatchTarget::kCpu);
  Progress progress(summary, schedule, device);
  for (int64_t step = 0; step < schedule.total_steps(); ++step) {
    const Stopwatch whole;
    const StepPlan plan = schedule.at(step);
    data::Loader& loader =
        *(plan.rank == 2 ? data.images : data.volumes).loader;
    const int64_t ready = loader.ready();
    const data::Views batch = loader.next();
    const double wait = whole.seconds();
    progress.sheet.add_views(batch);
    const StepReport report = pretrainer.step(batch, plan);
    progress.add(report, batch.first.size(0), whole.seconds(), {wait, ready});
  }
  progress.finish();
  save_results(summary, pretrainer, progress.sheet);
  return summary;
}

std::string PretrainingSummary::describe() const {
  std::string text = fmt::format(
      "\nPretraining finished: {} steps in {:.0f} s on {} ({})\n"
      "  network     {}, {:.1f} M parameters\n"
      "  trained on  {} images ({} pairs of views, {:.1f} a second), {} "
      "volumes "
      "({} pairs, {:.1f} a second)\n"
      "  waiting for data {:.1f} % of the time; peak memory {} MiB\n"
      "  loss terms (mean of the first and the last tenth)\n",
      steps, seconds, device, precision, model,
      static_cast<double>(parameters) / 1e6, images, samples_2d,
      samples_per_second_2d, volumes, samples_3d, samples_per_second_3d,
      100 * data_wait, peak_memory_mb);
  for (const Course& term : terms) {
    text += fmt::format("    {:<14} {:.4f} -> {:.4f}  {}\n", term.name,
                        term.first, term.last,
                        term.last < term.first ? "fell" : "did not fall");
  }
  text += fmt::format(
      "  entropy of the teacher's targets (near 0 or near ln K = {:.3f} nats "
      "would be a collapse)\n",
      largest_entropy);
  for (const Course& entropy : entropies) {
    const double share = entropy.last / largest_entropy;
    text += fmt::format(
        "    {:<14} {:.4f} -> {:.4f}  {}\n", entropy.name, entropy.first,
        entropy.last, share < 0.05 || share > 0.999 ? "COLLAPSED" : "healthy");
  }
  if (!left_out.empty()) {
    text += fmt::format("  left out    {} files that cannot be used\n",
                        left_out.size());
    for (const std::string& file : left_out) text += "    " + file + "\n";
  }
  text += fmt::format(
      "  checkpoint  {}\n  weights     {}\n              {}\n"
      "  metrics     {}\n  log         {}\n  picture     {}\n",
      checkpoint, student_weights, teacher_weights, metrics, log, picture);
  return text;
}

}  // namespace unimiss::train
