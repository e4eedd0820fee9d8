#include "finetune/validation.h"

#include <nlohmann/json.hpp>

#include "unimiss/distributed/agreement.h"
#include "unimiss/report/evaluation.h"
#include "unimiss/task/prediction_files.h"

namespace unimiss::finetune {
namespace {

/// Thrown between windows where a prediction is asked to stop.
struct Stopped {};

report::CaseResult result_of(const augment::Case& from,
                             const data::CaseReference& reference,
                             task::Prediction prediction,
                             const task::Task& network,
                             const std::string& folder) {
  report::CaseResult result;
  result.id = from.id;
  if (!from.masks.empty()) result.reference = from.masks.front();
  result.counts = network.overlap(prediction.map, reference.map);
  result.labels = from.labels;
  if (!folder.empty()) {
    const auto files = task::write_prediction(folder, network.spec(), from,
                                              prediction.map, reference.grid);
    if (!files.empty()) result.prediction = files.front();
  }
  result.probabilities = std::move(prediction.probabilities);
  return result;
}

/// What each network says of a case.
std::vector<report::CaseResult> evaluate_case(
    const std::vector<task::Task*>& networks, const data::CaseCache& cases,
    int64_t number, const std::function<void()>& stop,
    const std::string& folder) {
  const augment::Case& from = cases.at(number);
  const augment::CaseVoxels voxels = cases.get(number);
  const data::CaseReference reference = networks.front()->read_reference(from);
  task::NetworkCase seen(voxels, reference);
  seen.stop = stop;
  std::vector<report::CaseResult> results;
  results.reserve(networks.size());
  for (task::Task* network : networks) {
    results.push_back(
        result_of(from, reference, network->predict(seen), *network, folder));
  }
  return results;
}

nlohmann::json json_of(const report::CaseResult& result) {
  nlohmann::json counts = nlohmann::json::array();
  for (const auto& of : result.counts) {
    counts.push_back({of.true_positive, of.false_positive, of.false_negative,
                      of.true_negative});
  }
  return {result.id, result.reference,     result.prediction,
          counts,    result.probabilities, result.labels};
}

report::CaseResult result_of(const nlohmann::json& json) {
  report::CaseResult result;
  result.id = json[0];
  result.reference = json[1];
  result.prediction = json[2];
  for (const auto& of : json[3]) {
    result.counts.push_back({of[0], of[1], of[2], of[3]});
  }
  result.probabilities = json[4].get<std::vector<double>>();
  result.labels = json[5].get<std::vector<int64_t>>();
  return result;
}

/// What every process has found of its case, by process; of one without a case
/// nothing. Numbers survive to the bit.
std::vector<std::vector<report::CaseResult>> exchange(
    const distributed::Communicator& communicator,
    std::vector<report::CaseResult> own) {
  if (communicator.size() == 1) return {std::move(own)};
  nlohmann::json told = nlohmann::json::array();
  for (const report::CaseResult& result : own) told.push_back(json_of(result));
  std::vector<std::vector<report::CaseResult>> all;
  // Names of files may be any bytes, which JSON's text may not.
  const std::vector<uint8_t> bytes = nlohmann::json::to_cbor(told);
  for (const std::string& text :
       communicator.gather(std::string(bytes.begin(), bytes.end()))) {
    auto& results = all.emplace_back();
    for (const auto& each : nlohmann::json::from_cbor(text)) {
      results.push_back(result_of(each));
    }
  }
  return all;
}

}  // namespace

std::optional<std::vector<report::Evaluation>> evaluate(
    const distributed::Communicator& communicator,
    const std::vector<task::Task*>& networks, const data::CaseCache& cases,
    const std::vector<int64_t>& numbers,
    const std::function<bool()>& asked_to_stop, const std::string& folder) {
  std::vector<report::Evaluation> evaluations;
  evaluations.reserve(networks.size());
  for (const task::Task* network : networks) {
    const task::TaskSpec& spec = network->spec();
    evaluations.push_back({spec.target.kind(), spec.classes, {}});
  }
  const auto stop = [&] {
    if (asked_to_stop()) throw Stopped();
  };
  // A case for each process, and again: none waits longer than for one case.
  const auto processes = static_cast<size_t>(communicator.size());
  const auto rank = static_cast<size_t>(communicator.rank());
  for (size_t begin = 0; begin < numbers.size(); begin += processes) {
    std::vector<report::CaseResult> own;
    distributed::Opinion opinion;
    try {
      stop();
      if (begin + rank < numbers.size()) {
        own =
            evaluate_case(networks, cases, numbers[begin + rank], stop, folder);
      }
    } catch (const Stopped&) {
      opinion.stop = "a request";
    } catch (...) {
      opinion.failure = std::current_exception();
    }
    if (distributed::agree(communicator, opinion).stop) return std::nullopt;
    for (auto& of_process : exchange(communicator, std::move(own))) {
      for (size_t i = 0; i < of_process.size(); ++i) {
        evaluations[i].cases.push_back(std::move(of_process[i]));
      }
    }
  }
  return evaluations;
}

}  // namespace unimiss::finetune
