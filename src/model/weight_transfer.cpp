#include "unimiss/model/weight_transfer.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <regex>
#include <set>
#include <sstream>
#include <utility>

#include "unimiss/model/mit_options.h"
#include "unimiss/model/named_tensors.h"
#include "unimiss/model/official_names.h"

namespace unimiss::model {
namespace {

/// The name of a parameter as one of a pretraining's network; empty: it is no
/// part of a backbone.
std::string backbone_name(const std::string& name) {
  if (name.starts_with("backbone.")) return name;
  // A classification network has the encoder alone.
  if (name.starts_with("encoder.")) return "backbone." + name;
  return "";
}

/// The level of the pyramid, 0 to 3, that a position table belongs to.
std::optional<std::pair<int, int>> table_place(const std::string& name) {
  static const std::regex pattern(
      R"(backbone\.(encoder|decoder)\.stages\.(\d)\.position\.table_(\d)d)");
  std::smatch m;
  if (!std::regex_match(name, m, pattern)) return std::nullopt;
  const int stage = std::stoi(m.str(2));
  return std::pair(m.str(1) == "encoder" ? stage : 2 - stage,
                   std::stoi(m.str(3)));
}

Grid pretrained_grid(const PretrainedSizes& sizes, int level, int rank) {
  const auto& volume = sizes.volume_size;
  const Grid input = rank == 2 ? Grid(sizes.image_size, sizes.image_size)
                               : Grid(volume[0], volume[1], volume[2]);
  return MitOptions::level_grid(MitOptions::padded(input), level);
}

/// The grids of the network's own tables, by parameter name.
std::map<std::string, Grid> table_grids(const torch::nn::Module& network) {
  std::map<std::string, Grid> grids;
  for (const auto& item : network.named_modules()) {
    const auto* position = item.value()->as<PositionEmbeddingImpl>();
    if (position == nullptr) continue;
    const auto& options = position->options();
    if (options.grid_2d)
      grids.emplace(item.key() + ".table_2d", *options.grid_2d);
    if (options.grid_3d)
      grids.emplace(item.key() + ".table_3d", *options.grid_3d);
  }
  return grids;
}

std::string shape_text(const torch::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.sizes();
  return text.str();
}

/// "3x4".
std::string extents_text(const torch::Tensor& tensor) {
  std::string text;
  for (const int64_t extent : tensor.sizes()) {
    text += (text.empty() ? "" : "x") + std::to_string(extent);
  }
  return text;
}

constexpr const char* kStem = "backbone.encoder.stem.";

/// Convolutions of the same shape but for their input.
bool differ_in_channels(const torch::Tensor& a, const torch::Tensor& b) {
  if (a.dim() < 4 || a.dim() != b.dim() || a.size(1) == b.size(1)) return false;
  for (int64_t i = 0; i < a.dim(); ++i) {
    if (i != 1 && a.size(i) != b.size(i)) return false;
  }
  return true;
}

/// The convolution [O, C, ...] of an input with other channels, such that the
/// response to an input that is the same in all channels stays.
torch::Tensor for_channels(const torch::Tensor& weight, int64_t channels) {
  const int64_t has = weight.size(1);
  std::vector<int64_t> repeats(weight.dim(), 1);
  if (channels % has == 0) {
    repeats[1] = channels / has;
    return weight.repeat(repeats) / static_cast<double>(repeats[1]);
  }
  repeats[1] = channels;
  return weight.sum(1, true).repeat(repeats) / static_cast<double>(channels);
}

/// A table for another grid and number of class tokens' rows.
torch::Tensor fitted_table(const torch::Tensor& table, const Grid& from,
                           const Grid& to, int64_t prefix) {
  torch::Tensor rows =
      resample_positions(table, from, to, PositionRule::kExact);
  const int64_t has = rows.size(1) - to.cells();
  if (has > prefix) return rows.slice(1, has - prefix);
  if (has == prefix) return rows;
  return at::cat(
      {at::zeros({1, prefix - has, rows.size(2)}, rows.options()), rows}, 1);
}

/// What is copied where, once all of it is known to fit.
struct Copies {
  std::vector<std::pair<torch::Tensor, torch::Tensor>> tensors;  ///< to, from
  int64_t numbers = 0;
};

TransferReport::Item plan_table(const std::string& official,
                                const torch::Tensor& given, const Grid& from,
                                torch::Tensor target, const Grid& to,
                                Copies& copies) {
  const int64_t prefix = target.size(1) - to.cells();
  TORCH_CHECK(given.dim() == 3 && given.size(2) == target.size(2), "'",
              official, "' is ", shape_text(given), " among the weights and ",
              shape_text(target), " in this network");
  TORCH_CHECK(
      given.size(1) - from.cells() == 0 || given.size(1) - from.cells() == 1,
      "'", official, "' has ", given.size(1),
      " rows, which is not the table of a grid of ", from,
      ": the weights are of another input size");
  const torch::Tensor fitted = fitted_table(given, from, to, prefix);
  copies.tensors.emplace_back(target, fitted);
  copies.numbers += target.numel();
  if (from == to) return {official, Transfer::kLoaded, ""};
  std::ostringstream detail;
  detail << from << " -> " << to;
  return {official, Transfer::kResampled, detail.str()};
}

}  // namespace

int64_t TransferReport::count(Transfer transfer) const {
  return std::count_if(items.begin(), items.end(), [&](const Item& item) {
    return item.transfer == transfer;
  });
}

std::vector<Misfit> misfits_of(
    const std::map<std::string, torch::Tensor>& weights,
    const std::map<std::string, torch::Tensor>& targets) {
  std::vector<Misfit> misfits;
  for (const auto& [name, target] : targets) {
    const auto found = weights.find(name);
    if (found == weights.end()) {
      misfits.push_back({name, Misfit::Kind::kMissing, name + " is missing"});
    } else if (found->second.sizes() != target.sizes()) {
      misfits.push_back({name, Misfit::Kind::kShape,
                         name + " is " + extents_text(found->second) +
                             " there and " + extents_text(target) + " here"});
    }
  }
  for (const auto& [name, tensor] : weights) {
    if (targets.contains(name)) continue;
    misfits.push_back({name, Misfit::Kind::kSurplus, name + " is too much"});
  }
  return misfits;
}

void copy_weights(const std::map<std::string, torch::Tensor>& weights,
                  const std::map<std::string, torch::Tensor>& targets) {
  const torch::NoGradGuard no_grad;
  for (auto [name, target] : targets) target.copy_(weights.at(name));
}

TransferReport transfer_weights(
    const std::map<std::string, torch::Tensor>& weights,
    const PretrainedSizes& sizes, torch::nn::Module& network) {
  const auto grids = table_grids(network);
  TransferReport report;
  Copies copies;
  std::set<std::string> known;
  int64_t numbers = 0;
  for (const auto& [key, target] : tensors_of(network)) {
    const std::string name = backbone_name(key);
    if (name.empty()) continue;
    const std::string official = official_name(name);
    known.insert(official);
    numbers += target.numel();
    const auto given = weights.find(official);
    if (given == weights.end()) {
      report.items.push_back({official, Transfer::kMissing, ""});
    } else if (const auto place = table_place(name)) {
      report.items.push_back(
          plan_table(official, given->second,
                     pretrained_grid(sizes, place->first, place->second),
                     target, grids.at(key), copies));
    } else if (name.starts_with(kStem) &&
               differ_in_channels(given->second, target)) {
      copies.tensors.emplace_back(target,
                                  for_channels(given->second, target.size(1)));
      copies.numbers += target.numel();
      std::ostringstream detail;
      detail << given->second.size(1) << " -> " << target.size(1)
             << " channels";
      report.items.push_back({official, Transfer::kResampled, detail.str()});
    } else {
      TORCH_CHECK(given->second.sizes() == target.sizes(), "'", official,
                  "' is ", shape_text(given->second), " among the weights and ",
                  shape_text(target), " in this network");
      copies.tensors.emplace_back(target, given->second);
      copies.numbers += target.numel();
      report.items.push_back({official, Transfer::kLoaded, ""});
    }
  }
  for (const auto& [name, tensor] : weights) {
    if (name.starts_with("head.") || known.contains(name)) continue;
    report.items.push_back({name, Transfer::kUnexpected, ""});
  }
  torch::NoGradGuard no_grad;
  for (auto& [to, from] : copies.tensors) to.copy_(from);
  report.coverage = numbers == 0 ? 0
                                 : static_cast<double>(copies.numbers) /
                                       static_cast<double>(numbers);
  return report;
}

}  // namespace unimiss::model
