#pragma once

#include <torch/types.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "unimiss/ssl/student_teacher.h"

namespace unimiss::parity {

using Tensors = std::map<std::string, torch::Tensor>;

/// One folder of values recorded from the official code: meta.json, outputs,
/// gradients, weights after a step, optionally a trajectory. Weights and inputs
/// are a pure function of (seed, role, name, index), so they are made here.
class Fixture {
 public:
  explicit Fixture(const std::string& folder);

  /// The recorded variants: UNIMISS_FIXTURES (one variant's folder or a folder
  /// of them), else the golden set of this repository.
  static std::vector<std::string> folders();

  model::MitOptions mit_options() const;
  ssl::ProjectionHeadOptions head_options() const;

  /// Student and teacher with the recorded weights, of the given type.
  ssl::StudentTeacher networks(torch::ScalarType type) const;
  /// Both views of a recorded batch, [2B, ...]; kind "2d" or "3d".
  torch::Tensor views(const std::string& kind, torch::ScalarType type) const;
  torch::Tensor center(torch::ScalarType type) const;

  bool has(const std::string& file) const;
  /// A file's tensors, e.g. "outputs"; read once.
  Tensors load(const std::string& file) const;
  /// grads.tsv: rel_err_f32_vs_f64 by "<case>.<name>".
  std::map<std::string, double> float_errors() const;

  const nlohmann::json& meta() const { return meta_; }
  const std::string& folder() const { return folder_; }

 private:
  std::string folder_;
  nlohmann::json meta_;
};

/// A weight or input of the recordings (fixed recipe: FNV-1a of
/// "{seed}/{role}/{name}", splitmix64 by index, uniform, scaled by name).
torch::Tensor regenerate(uint64_t seed, const std::string& role,
                         const std::string& name,
                         const std::vector<int64_t>& shape);

/// The recorded sample of a tensor: all elements, or as many as `recorded` has,
/// at (i (n − 1)) div (k − 1).
torch::Tensor sample_like(const torch::Tensor& tensor,
                          const torch::Tensor& recorded);

/// |a − b| / |b| in L2.
double relative_error(const torch::Tensor& a, const torch::Tensor& b);

}  // namespace unimiss::parity
