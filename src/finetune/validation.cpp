#include "finetune/validation.h"

#include <nlohmann/json.hpp>

#include "unimiss/distributed/agreement.h"
#include "unimiss/report/results.h"
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
  if (!prediction.map.defined()) {
    return report::ClassifiedCase{from.id, std::move(prediction.probabilities),
                                  from.labels};
  }
  report::SegmentedCase result{from.id, from.masks.front(), "", {}};
  for (const auto& counts : network.overlap(prediction.map, reference.map)) {
    result.classes.push_back(report::overlap_values(counts));
  }
  if (!folder.empty()) {
    result.prediction = task::write_prediction(folder, network.spec(), from,
                                               prediction.map, reference.grid)
                            .front();
  }
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

nlohmann::json json_of(const report::ClassifiedCase& result) {
  return {result.id, result.probabilities, result.labels};
}

nlohmann::json json_of(const report::SegmentedCase& result) {
  nlohmann::json classes = nlohmann::json::array();
  for (const report::NamedValues& of_class : result.classes) {
    nlohmann::json& values = classes.emplace_back(nlohmann::json::array());
    for (const auto& [name, value] : of_class) {
      values.push_back(
          {name, value ? nlohmann::json(*value) : nlohmann::json(nullptr)});
    }
  }
  return {result.id, result.reference, result.prediction, classes};
}

report::CaseResult result_of(const nlohmann::json& told) {
  const auto& [kind, json] = std::pair(told.at(0), told.at(1));
  if (kind == report::CaseResult(report::ClassifiedCase()).index()) {
    return report::ClassifiedCase{json[0], json[1].get<std::vector<double>>(),
                                  json[2].get<std::vector<int64_t>>()};
  }
  report::SegmentedCase result{json[0], json[1], json[2], {}};
  for (const auto& of_class : json[3]) {
    report::NamedValues& values = result.classes.emplace_back();
    for (const auto& value : of_class) {
      values.emplace_back(value[0].get<std::string>(),
                          value[1].is_null()
                              ? std::nullopt
                              : std::optional(value[1].get<double>()));
    }
  }
  return result;
}

/// What every process has found of its case, by process; of one without a case
/// nothing. Numbers survive to the bit.
std::vector<std::vector<report::CaseResult>> exchange(
    const distributed::Communicator& communicator,
    std::vector<report::CaseResult> own) {
  if (communicator.size() == 1) return {std::move(own)};
  nlohmann::json told = nlohmann::json::array();
  for (const report::CaseResult& result : own) {
    told.push_back(
        {result.index(),
         std::visit([](const auto& each) { return json_of(each); }, result)});
  }
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

std::optional<std::vector<report::Results>> evaluate(
    const distributed::Communicator& communicator,
    const std::vector<task::Task*>& networks, const data::CaseCache& cases,
    const std::vector<int64_t>& numbers,
    const std::function<bool()>& asked_to_stop, const std::string& folder) {
  std::vector<std::vector<report::CaseResult>> found(networks.size());
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
        found[i].push_back(std::move(of_process[i]));
      }
    }
  }
  std::vector<report::Results> results;
  results.reserve(networks.size());
  for (size_t i = 0; i < networks.size(); ++i) {
    const task::TaskSpec& spec = networks[i]->spec();
    results.push_back(
        report::results_of(spec.target, spec.classes, std::move(found[i])));
  }
  return results;
}

}  // namespace unimiss::finetune
