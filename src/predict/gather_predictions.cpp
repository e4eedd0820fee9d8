#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "predict/case_record.h"
#include "unimiss/core/text.h"
#include "unimiss/draw/figure.h"
#include "unimiss/eval/decision.h"
#include "unimiss/eval/optional_mean.h"
#include "unimiss/io/durable_file.h"
#include "unimiss/io/image.h"
#include "unimiss/predict/prediction.h"
#include "unimiss/report/predicted_task.h"

namespace unimiss::predict {
namespace {

namespace fs = std::filesystem;

/// case, probability of each class, and what is predicted.
void write_table(const std::string& output, const report::PredictedTask& task,
                 const std::vector<CaseRecord>& records) {
  const std::vector<std::string>& classes = task.classes;
  std::string text = "case,predicted";
  for (const std::string& name : classes) text += "," + csv_field(name);
  text += "\n";
  for (const CaseRecord& record : records) {
    const auto& p = record.probabilities;
    if (p.size() != classes.size()) continue;
    std::vector<std::string> predicted;
    for (const int64_t k : eval::decided_classes(p, task.target.relation())) {
      predicted.push_back(classes[k]);
    }
    text += fmt::format("{},{},{}\n", csv_field(record.id),
                        csv_field(fmt::format("{}", fmt::join(predicted, "|"))),
                        fmt::join(p, ","));
  }
  io::write_durably(output + "/predictions.csv", text);
}

void draw_extremes(const std::string& output, std::vector<CaseRecord> records) {
  std::erase_if(records, [&](const CaseRecord& record) {
    return !record.dice ||
           !fs::exists(output + "/overlays/" + record.id + ".png");
  });
  if (records.empty()) return;
  std::stable_sort(records.begin(), records.end(),
                   [](const CaseRecord& left, const CaseRecord& right) {
                     return *left.dice < *right.dice;
                   });
  std::vector<size_t> shown{0, (records.size() - 1) / 2, records.size() - 1};
  shown.erase(std::unique(shown.begin(), shown.end()), shown.end());
  std::vector<torch::Tensor> pictures;
  pictures.reserve(shown.size());
  for (const size_t i : shown) {
    pictures.push_back(
        io::read_pixels(output + "/overlays/" + records[i].id + ".png"));
  }
  io::write_durably(output + "/overlays/worst_median_best.png",
                    io::encode_png(draw::stack_vertically(pictures)));
}

std::optional<double> mean_dice(const std::vector<CaseRecord>& records) {
  std::vector<std::optional<double>> each;
  each.reserve(records.size());
  for (const CaseRecord& record : records) each.push_back(record.dice);
  return eval::optional_mean(each);
}

}  // namespace

std::optional<double> gather_predictions(const PredictionRequest& request) {
  const auto task =
      report::read_predicted_task(request.output + "/predict.json");
  if (!task) return std::nullopt;  // no job began
  const auto gather = [&](const std::vector<std::string>& ids) {
    const std::vector<CaseRecord> records = read_records(request.output, ids);
    if (!task->target.is_segmentation()) {
      write_table(request.output, *task, records);
    } else if (request.overlays) {
      draw_extremes(request.output, records);
    }
    return mean_dice(records);
  };
  const auto ids = recorded_ids(request.output);
  const auto mean = gather(ids);
  // A job that ended meanwhile may have had its table written over; one that
  // has not ended gathers again itself.
  const auto now = recorded_ids(request.output);
  return now == ids ? mean : gather(now);
}

}  // namespace unimiss::predict
