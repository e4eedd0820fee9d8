#include "unimiss/pretrain/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "unimiss/ssl/objective.h"

namespace unimiss::pretrain {
namespace {

std::vector<Course> courses(const Curves& curves) {
  const auto mean = [](auto begin, std::ptrdiff_t count) {
    return std::accumulate(begin, begin + count, 0.0) /
           static_cast<double>(count);
  };
  std::vector<Course> courses;
  for (const auto& [name, curve] : curves) {
    const auto& values = curve.values;
    const auto tenth =
        static_cast<std::ptrdiff_t>(std::max<size_t>(1, values.size() / 10));
    courses.push_back(
        {name, mean(values.begin(), tenth), mean(values.end() - tenth, tenth)});
  }
  return courses;
}

}  // namespace

void History::add(const train::StepRecord& record) {
  steps_ = record.step;
  peak_memory_mb_ = std::max(peak_memory_mb_, record.peak_memory_mb);
  Phase& phase = phases_[record.phase];
  phase.samples += record.samples;
  phase.seconds += record.seconds;
  wait_seconds_ += record.wait_seconds;
  processes_.add(record);
  overflow_ += record.skipped == train::kSkippedOverflow ? 1 : 0;
  nonfinite_ += record.skipped == train::kSkippedNonFinite ? 1 : 0;
  spikes_ += record.skipped == train::kSkippedSpike ? 1 : 0;
  if (!std::isfinite(record.loss)) return;
  const auto add = [&](Curve& curve, double value) {
    curve.steps.push_back(static_cast<double>(record.step));
    curve.values.push_back(value);
  };
  for (const auto& [name, value] : record.terms) add(terms_[name], value);
  if (const auto entropy = record.diagnostic(ssl::kTeacherEntropy)) {
    add(entropies_[record.phase], *entropy);
  }
}

std::string History::remark(const train::StepRecord& record) const {
  const auto entropy = record.diagnostic(ssl::kTeacherEntropy);
  return entropy ? fmt::format("entropy {:.3f}", *entropy) : "";
}

void History::describe(Summary& summary) const {
  const auto phase = [&](const char* name) {
    const auto found = phases_.find(name);
    return found == phases_.end() ? Phase() : found->second;
  };
  const auto rate = [](const Phase& of) {
    return of.seconds > 0 ? static_cast<double>(of.samples) / of.seconds : 0.0;
  };
  const Phase images = phase("2d"), volumes = phase("3d");
  summary.steps = steps_;
  summary.samples_2d = images.samples;
  summary.samples_3d = volumes.samples;
  summary.samples_per_second_2d = rate(images);
  summary.samples_per_second_3d = rate(volumes);
  summary.seconds = images.seconds + volumes.seconds;
  summary.data_wait = wait_seconds_ / std::max(summary.seconds, 1e-9);
  summary.peak_memory_mb = peak_memory_mb_;
  summary.skipped_overflow = overflow_;
  summary.skipped_nonfinite = nonfinite_;
  summary.skipped_spikes = spikes_;
  summary.processes = processes_.describe();
  summary.terms = courses(terms_);
  summary.entropies = courses(entropies_);
}

std::string Summary::describe() const {
  if (output.empty()) return "";
  std::string text = fmt::format(
      "\nPretraining finished: {} steps in {:.0f} s on {} ({})\n"
      "  network     {}, {:.1f} M parameters\n"
      "  trained on  {} images ({} pairs of views, {:.1f} a second), {} "
      "volumes "
      "({} pairs, {:.1f} a second)\n"
      "  waiting for data {:.1f} % of the time; peak memory {} MiB\n",
      steps, seconds, device, precision, model,
      static_cast<double>(parameters) / 1e6, images, samples_2d,
      samples_per_second_2d, volumes, samples_3d, samples_per_second_3d,
      100 * data_wait, peak_memory_mb);
  if (!processes.empty()) {
    text += fmt::format("  processes   {}\n", processes);
  }
  text +=
      "  loss terms (mean of the first and the last tenth of their steps; the "
      "first ones are warm-up)\n";
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
  if (skipped_overflow + skipped_nonfinite + skipped_spikes > 0) {
    text += fmt::format(
        "  skipped     {} steps by fp16 overflow, {} that were not finite, {} "
        "that stood out\n",
        skipped_overflow, skipped_nonfinite, skipped_spikes);
  }
  if (!left_out.empty()) {
    text += fmt::format("  left out    {} files that cannot be used\n",
                        left_out.size());
    for (const std::string& file : left_out) text += "    " + file + "\n";
  }
  text += fmt::format(
      "  checkpoint  {}\n  weights     {}\n              {}\n"
      "  full state  {}\n"
      "  metrics     {}\n  log         {}\n"
      "  look at     {}: terms should fall, entropies stay between 0 and ln "
      "K\n",
      checkpoint, student_weights, teacher_weights, full_state, metrics, log,
      picture);
  // The quick start builds what it runs.
  const bool built = programs.empty() ||
                     std::filesystem::exists(programs + "unimiss-finetune");
  return text +
         fmt::format(
             "  next        see whether it helps, on labelled cases of "
             "yours{4}:\n"
             "    {0}unimiss-finetune --config configs/finetune/{2}.yaml "
             "--output runs/{2} init.weights={1} data.train=train.txt "
             "data.test=test.txt{3}\n"
             "    {0}unimiss-table --config configs/finetune/{2}.yaml --output "
             "runs/table --init scratch --init pretrained={1} "
             "data.train=train.txt data.test=test.txt{3}\n",
             programs, output, images_only ? "chestxr" : "bcv", architecture,
             built ? "" : " (scripts/build.sh builds the programs)");
}

}  // namespace unimiss::pretrain
