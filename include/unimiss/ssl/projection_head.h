#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include "unimiss/core/fields.h"

namespace unimiss::ssl {

struct ProjectionHeadOptions {
  int64_t hidden = 2048;
  int64_t bottleneck = 256;
  int64_t prototypes = 65536;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("hidden", self.hidden, "width of the two hidden layers, at least 1");
    visit("bottleneck", self.bottleneck,
          "width of the normalised embedding, at least 1");
    visit("prototypes", self.prototypes,
          "K, outputs of the last layer, at least 2");
  }
  /// Keys begin with their group, as in a configuration.
  void check(Problems& problems) const;
};

/// x Wᵀ with W = g v / |v| per row: a Linear layer without bias whose rows are
/// weight-normalised. x [R, C], v [K, C], g [K, 1] → [R, K].
///
/// W itself is never stored: with K = 65,536 rows it would cost three passes
/// over 64 MiB forward and four backward, where this takes two and three. No
/// gradient reaches g.
torch::Tensor weight_norm_linear(const torch::Tensor& x, const torch::Tensor& v,
                                 const torch::Tensor& g);

/// The projection head of self-distillation (paper Sec. 3.2): Linear, GELU,
/// Linear, GELU, Linear to the bottleneck, L2 normalisation; then a
/// weight-normalised linear map onto K prototypes.
///
/// The two halves are separate because the second is linear: logits averaged
/// over the slices of a volume are the logits of the averaged embedding.
/// The gain g (all 1 at first) is not trained, but follows the student in the
/// teacher.
class ProjectionHeadImpl : public torch::nn::Module {
 public:
  ProjectionHeadImpl(int64_t in_features, const ProjectionHeadOptions& options);

  /// features [R, in_features] → unit vectors [R, bottleneck].
  torch::Tensor embed(const torch::Tensor& features);

  /// embeddings [R, bottleneck] → logits [R, K].
  torch::Tensor logits(const torch::Tensor& embeddings);

  /// The last layer's direction v [K, bottleneck], held still in the first
  /// epochs.
  torch::Tensor last_layer_v;
  torch::Tensor last_layer_g;

 private:
  torch::nn::Linear fc1_{nullptr}, fc2_{nullptr}, fc3_{nullptr};
};
TORCH_MODULE(ProjectionHead);

}  // namespace unimiss::ssl
