#include "unimiss/model/official_names.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

// All names of the released weights: tests/parity/names_test.cpp.
namespace unimiss::model {
namespace {

TEST(OfficialNames, OfAPretrainedNetwork) {
  EXPECT_EQ(official_name("backbone.encoder.class_token"),
            "backbone.transformer.cls_tokens1");
  EXPECT_EQ(official_name("backbone.encoder.stages.0.position.table_2d"),
            "backbone.transformer.pos_embed2D1");
  EXPECT_EQ(official_name("backbone.encoder.stem.conv.norm_bias_3d"),
            "backbone.transformer.patch_embed3D0.norm.bias");
  EXPECT_EQ(official_name("backbone.encoder.stages.2.blocks.1.attention."
                          "reduction.weight_3d"),
            "backbone.transformer.block3.1.attn.sr3D.weight");
  EXPECT_EQ(official_name("backbone.decoder.stages.1.blocks.0.fc1.weight"),
            "backbone.Decblock1.0.mlp.fc1.weight");
  EXPECT_EQ(official_name("head.last_layer.weight_g"),
            "head.last_layer.weight_g");
}

TEST(OfficialNames, OfAFineTunedNetwork) {
  EXPECT_EQ(official_segmentation_name("head.classifiers.4.weight_3d"),
            "cls_conv.weight");
  EXPECT_EQ(official_segmentation_name("head.classifiers.0.bias_2d"),
            "ds0_cls_conv.bias");
  EXPECT_EQ(
      official_segmentation_name("backbone.encoder.stages.0.position.table_3d"),
      "transformer.pos_embed1");
  EXPECT_EQ(official_classification_name("encoder.class_token"), "cls_tokens1");
  EXPECT_EQ(official_classification_name("classifier.weight"),
            "head_new.weight");
}

TEST(OfficialNames, OtherNamesAreRefused) {
  EXPECT_THROW(official_name("backbone.encoder.unknown"), c10::Error);
  EXPECT_THROW(official_name("backbone.decoder.unknown"), c10::Error);
  EXPECT_THROW(official_name("unknown.weight"), c10::Error);
  EXPECT_THROW(official_classification_name("head.weight"), c10::Error);
}

}  // namespace
}  // namespace unimiss::model
