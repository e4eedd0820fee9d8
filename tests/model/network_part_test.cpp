#include "unimiss/model/network_part.h"

#include <gtest/gtest.h>

namespace unimiss::model {
namespace {

TEST(NetworkPart, OfParameters) {
  EXPECT_EQ(part_of("backbone.encoder.stem.weight_3d"), NetworkPart::kStem);
  EXPECT_EQ(part_of("encoder.class_token"), NetworkPart::kStem);
  EXPECT_EQ(part_of("backbone.encoder.stages.3.blocks.0.norm1.bias"),
            NetworkPart::kEncoder4);
  EXPECT_EQ(part_of("encoder.embeddings.0.conv.weight_2d"),
            NetworkPart::kEncoder1);
  EXPECT_EQ(part_of("encoder.class_projections.0.weight"),
            NetworkPart::kEncoder2);
  EXPECT_EQ(part_of("backbone.decoder.embeddings.2.weight_3d"),
            NetworkPart::kDecoder3);
  EXPECT_EQ(part_of("backbone.decoder.norm.weight"), NetworkPart::kDecoder3);
  EXPECT_EQ(part_of("head.join.weight_3d"), NetworkPart::kHead);
  EXPECT_EQ(part_of("classifier.weight"), NetworkPart::kHead);
  EXPECT_EQ(parts_above(NetworkPart::kHead, HasDecoder::kYes), 0);
  EXPECT_EQ(parts_above(NetworkPart::kStem, HasDecoder::kYes), 8);
  EXPECT_EQ(parts_above(NetworkPart::kStem, HasDecoder::kNo), 5);
  EXPECT_EQ(parts_above(NetworkPart::kEncoder4, HasDecoder::kNo), 1);
}

}  // namespace
}  // namespace unimiss::model
