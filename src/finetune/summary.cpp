#include <fmt/format.h>

#include "unimiss/core/log.h"
#include "unimiss/finetune/run.h"

namespace unimiss::finetune {

std::string Summary::describe() const {
  if (output.empty()) return "";
  std::string text = fmt::format(
      "\nFine-tuning finished: {} of {} steps{} in {} on {} ({})\n"
      "  network     {}, {:.1f} M parameters, {:.1f} M trained\n"
      "  cases       {} to train, {} to validate, {} to test\n"
      "  speed       {:.1f} samples/s, {:.1f} % of the time waiting for data; "
      "peak memory {} MiB\n",
      steps, total_steps, stopped_early ? " (stopped early)" : "",
      duration_text(seconds), device, precision, model,
      static_cast<double>(parameters) / 1e6,
      static_cast<double>(trained_parameters) / 1e6, train, validation, test,
      samples_per_second, 100 * data_wait, peak_memory_mb);
  if (!processes.empty()) {
    text += fmt::format("  processes   {}\n", processes);
  }
  if (best_score) {
    text += fmt::format("  validation  best {} {:.4f} after step {}\n",
                        score_name, *best_score, best_step);
  }
  for (const auto& [name, value] : test_numbers) {
    text += fmt::format("  test        {:<14} {:.4f}\n", name, value);
  }
  if (!left_out.empty()) {
    text += fmt::format("  left out    {} cases that cannot be used\n",
                        left_out.size());
    for (const std::string& each : left_out) text += "    " + each + "\n";
  }
  text += fmt::format("  weights     {}\n", weights);
  if (!test_summary.empty()) {
    text += fmt::format("  test        {}\n", test_summary);
  }
  return text +
         fmt::format(
             "  metrics     {0}\n  log         {1}\n"
             "  look at     {2}: the score should rise until the end or level "
             "off\n"
             "  next        predict new cases, and measure them where there "
             "are "
             "references:\n"
             "    {3}unimiss-predict --model {4} --input scans --output "
             "predicted\n"
             "    {3}unimiss-evaluate --predictions predicted --references "
             "{5} --output predicted/summary.json\n",
             metrics, log, picture, programs, output, references);
}

}  // namespace unimiss::finetune
