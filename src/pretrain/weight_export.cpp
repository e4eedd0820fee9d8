#include "unimiss/pretrain/weight_export.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <vector>

#include "unimiss/core/error.h"
#include "unimiss/io/tensor_archive.h"
#include "unimiss/model/named_tensors.h"
#include "unimiss/model/official_names.h"
#include "unimiss/model/weight_transfer.h"
#include "unimiss/train/checkpoint.h"
#include "unimiss/train/weight_file.h"

namespace unimiss::pretrain {
namespace {

io::TensorMap official(const ssl::Network& network, const std::string& prefix,
                       bool (*wanted)(const std::string&)) {
  io::TensorMap weights;
  for (const auto& [name, tensor] : model::tensors_of(*network)) {
    if (wanted(name)) weights[prefix + model::official_name(name)] = tensor;
  }
  return weights;
}

bool of_backbone(const std::string& name) {
  return name.starts_with("backbone.");
}
bool any(const std::string&) { return true; }

/// What a full.safetensors holds, on the tensors of the networks themselves.
io::TensorMap full_state(Pretrainer& pretrainer) {
  auto& networks = pretrainer.networks();
  io::TensorMap full = official(networks.student, "student.", any);
  full.merge(official(networks.teacher, "teacher.", any));
  full["center"] = pretrainer.center();
  return full;
}

}  // namespace

ExportedFiles export_weights(const std::string& folder, Pretrainer& pretrainer,
                             const std::map<std::string, std::string>& facts) {
  ExportedFiles files{folder + "/student.safetensors",
                      folder + "/teacher.safetensors",
                      folder + "/full.safetensors"};
  auto& networks = pretrainer.networks();
  const auto save = [&](const std::string& file, const io::TensorMap& tensors,
                        const char* content) {
    auto with_content = facts;
    with_content["content"] = content;
    train::save_weights(file, tensors, with_content);
  };
  save(files.student, official(networks.student, "", of_backbone),
       "backbone of the student");
  save(files.teacher, official(networks.teacher, "", of_backbone),
       "backbone of the teacher");
  save(files.full, full_state(pretrainer),
       "student and teacher with their heads, and the center");
  return files;
}

int64_t export_bytes(Pretrainer& pretrainer) {
  auto& networks = pretrainer.networks();
  int64_t bytes = train::checkpoint_bytes(full_state(pretrainer));
  for (const auto* network : {&networks.student, &networks.teacher}) {
    bytes += train::checkpoint_bytes(official(*network, "", of_backbone));
  }
  return bytes;
}

void load_exported_weights(const std::string& path, Pretrainer& pretrainer) {
  const std::string file = std::filesystem::is_directory(path)
                               ? path + "/export/full.safetensors"
                               : path;
  const io::TensorMap weights = io::load_tensors(file);
  const io::TensorMap targets = full_state(pretrainer);
  std::vector<std::string> problems;
  for (const model::Misfit& misfit : model::misfits_of(weights, targets)) {
    problems.push_back(misfit.text);
  }
  if (!problems.empty()) {
    constexpr size_t kShown = 10;
    const size_t shown = std::min(kShown, problems.size());
    throw DataError(
        file, fmt::format("does not fit this network in {} tensors; name a "
                          "full.safetensors, and set model.* and head.* as in "
                          "the run it comes from:\n  {}{}",
                          problems.size(),
                          fmt::join(problems.begin(),
                                    problems.begin() +
                                        static_cast<std::ptrdiff_t>(shown),
                                    "\n  "),
                          shown < problems.size() ? "\n  ..." : ""));
  }
  model::copy_weights(weights, targets);
}

}  // namespace unimiss::pretrain
