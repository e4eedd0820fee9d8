#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "unimiss/core/fields.h"
#include "unimiss/core/grid.h"
#include "unimiss/model/position_embedding.h"
#include "unimiss/model/switchable_conv.h"

namespace unimiss::model {

/// The two networks of the paper (Table 1): MiT-22 and MiT-7.
enum class MitVariant { kSmall, kTiny };

/// Whether a class token joins the patches. Pretraining and classification read
/// their feature from it; segmentation has none.
enum class ClassToken { kLearned, kNone };

/// The pyramid U-shaped Medical Transformer, paper Sec. 3.1: four encoder and
/// three decoder levels, the first of which halves the plane twice.
struct MitOptions {
  MitVariant variant = MitVariant::kSmall;
  Dimensions dimensions = Dimensions::kBoth;
  int64_t image_size = 224;
  std::array<int64_t, 3> volume_size{16, 96, 96};
  int64_t image_channels = 3;
  int64_t volume_channels = 1;
  std::vector<int64_t> encoder_depths;
  std::vector<int64_t> decoder_depths;
  int64_t stem_width = 32;
  std::vector<int64_t> widths{48, 128, 256, 512};
  std::vector<int64_t> encoder_heads{1, 2, 4, 8};
  std::vector<int64_t> decoder_heads{8, 4, 2};
  std::vector<int64_t> encoder_reductions{6, 4, 2, 1};
  std::vector<int64_t> decoder_reductions{2, 4, 6};
  int64_t mlp_ratio = 4;
  double drop_path = 0.0;
  PositionRule position_rule = PositionRule::kExact;
  ClassToken class_token = ClassToken::kLearned;  ///< follows from the task

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("variant", self.variant, "small: MiT-22, tiny: MiT-7");
    visit("dimensions", self.dimensions,
          "what the network takes: images, volumes or both");
    visit("image_size", self.image_size,
          "pixels along each side of a 2D view, in [64, 65536]");
    visit("volume_size", self.volume_size,
          "voxels (D, H, W) of a 3D view, at least [16, 64, 64]");
    visit("image_channels", self.image_channels,
          "channels of an image; pretraining needs 3");
    visit("volume_channels", self.volume_channels,
          "channels of a volume; pretraining needs 1");
    visit("encoder_depths", self.encoder_depths,
          "blocks of each of the four encoder stages, at least 1; empty: the "
          "variant's");
    visit("decoder_depths", self.decoder_depths,
          "blocks of each of the three decoder stages, at least 1; empty: "
          "the variant's");
    visit("stem_width", self.stem_width, "channels after the stem, at least 1");
    visit("widths", self.widths,
          "channels per encoder stage, each at least 1; the decoder mirrors "
          "the first three");
    visit("encoder_heads", self.encoder_heads,
          "attention heads per encoder stage; each divides the stage's width");
    visit("decoder_heads", self.decoder_heads,
          "attention heads per decoder stage; each divides the stage's width");
    visit("encoder_reductions", self.encoder_reductions,
          "spatial reduction of keys and values per encoder stage, in [1, "
          "the stage's tokens along an axis]");
    visit("decoder_reductions", self.decoder_reductions,
          "spatial reduction of keys and values per decoder stage, likewise");
    visit("mlp_ratio", self.mlp_ratio,
          "hidden width of an MLP / its width, at least 1");
    visit("drop_path", self.drop_path,
          "probability, in [0, 1), that the deepest block is skipped; rises "
          "linearly from 0 at the first");
    visit("position_rule", self.position_rule,
          "how position tables are resampled to other grids: exactly, or as "
          "the official code does");
  }

  /// Keys begin with their group, as in a configuration.
  void check(Problems& problems) const;

  /// A copy in which the variant's depths are written out.
  MitOptions resolved() const;

  /// The token grid of encoder level 0..3 for an input of this extent, which
  /// must be a multiple of input_multiple().
  static Grid level_grid(const Grid& input, int level);

  /// Extents that all levels halve without a remainder: 32 in plane, 16 along
  /// depth.
  static Grid input_multiple(int rank);
  /// The extents of an input once its ends are continued to such multiples.
  static Grid padded(const Grid& input);
  /// The smallest input all levels and reductions allow: 64 in plane, 16 along
  /// depth.
  static Grid input_minimum(int rank);
};

}  // namespace unimiss::model

template <>
struct unimiss::EnumNames<unimiss::model::MitVariant> {
  static constexpr std::array kNames{
      std::pair{unimiss::model::MitVariant::kSmall, "small"},
      std::pair{unimiss::model::MitVariant::kTiny, "tiny"}};
};
