#pragma once

#include <array>
#include <string>
#include <utility>

#include "unimiss/core/fields.h"

namespace unimiss::model {

/// The parts of a network, from its input to its output: what is frozen as one,
/// and what layer-wise learning-rate decay counts.
enum class NetworkPart {
  kStem,
  kEncoder1,
  kEncoder2,
  kEncoder3,
  kEncoder4,
  kDecoder1,
  kDecoder2,
  kDecoder3,
  kHead,
};

/// The part that a parameter of a SegmentationNetwork or a
/// ClassificationNetwork belongs to.
NetworkPart part_of(const std::string& parameter);

/// How many parts of such a network lie between this one and its output.
/// decoder: whether it has one.
enum class HasDecoder { kYes, kNo };
int parts_above(NetworkPart part, HasDecoder decoder);

}  // namespace unimiss::model

template <>
struct unimiss::EnumNames<unimiss::model::NetworkPart> {
  using Part = unimiss::model::NetworkPart;
  static constexpr std::array kNames{std::pair{Part::kStem, "stem"},
                                     std::pair{Part::kEncoder1, "encoder_1"},
                                     std::pair{Part::kEncoder2, "encoder_2"},
                                     std::pair{Part::kEncoder3, "encoder_3"},
                                     std::pair{Part::kEncoder4, "encoder_4"},
                                     std::pair{Part::kDecoder1, "decoder_1"},
                                     std::pair{Part::kDecoder2, "decoder_2"},
                                     std::pair{Part::kDecoder3, "decoder_3"},
                                     std::pair{Part::kHead, "head"}};
};
