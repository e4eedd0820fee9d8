#include "unimiss/model/mit_options.h"

#include <gmock/gmock.h>

#include "unimiss/core/error.h"

namespace unimiss::model {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(MitOptions, TheVariantFillsInItsDepths) {
  MitOptions options;
  EXPECT_THAT(options.resolved().encoder_depths, ElementsAre(2, 3, 4, 3));
  EXPECT_THAT(options.resolved().decoder_depths, ElementsAre(3, 4, 3));
  options.variant = MitVariant::kTiny;
  options.decoder_depths = {1, 2, 1};
  EXPECT_THAT(options.resolved().encoder_depths, ElementsAre(1, 1, 1, 1));
  EXPECT_THAT(options.resolved().decoder_depths, ElementsAre(1, 2, 1));
}

TEST(MitOptions, LevelsHalveButDepthOnceLess) {
  EXPECT_EQ(MitOptions::level_grid({224, 224}, 0), Grid(56, 56));
  EXPECT_EQ(MitOptions::level_grid({224, 224}, 3), Grid(7, 7));
  EXPECT_EQ(MitOptions::level_grid({16, 96, 96}, 0), Grid(8, 24, 24));
  EXPECT_EQ(MitOptions::level_grid({16, 96, 96}, 3), Grid(1, 3, 3));
}

TEST(MitOptions, InputsArePaddedToMultiples) {
  EXPECT_EQ(MitOptions::padded({64, 65}), Grid(64, 96));
  EXPECT_EQ(MitOptions::padded({17, 64, 1}), Grid(32, 64, 32));
}

TEST(MitOptions, TheDefaultsAreThoseOfThePaper) {
  EXPECT_NO_THROW(validate(MitOptions()));
}

TEST(MitOptions, WhatDoesNotFitIsToldByItsKey) {
  const auto refused = [](const std::string& key, auto change) {
    MitOptions options;
    change(options);
    EXPECT_THAT([&] { validate(options); },
                ThrowsMessage<ConfigError>(HasSubstr(key)))
        << key;
  };
  refused("model.encoder_depths", [](MitOptions& options) {
    options.encoder_depths = {1, 1};
  });
  refused("model.encoder_heads",
          [](MitOptions& options) { options.encoder_heads[1] = 3; });
  refused("model.decoder_heads",
          [](MitOptions& options) { options.decoder_heads[0] = 7; });
  refused("model.encoder_reductions",
          [](MitOptions& options) { options.encoder_reductions[3] = 2; });
  refused("model.volume_size", [](MitOptions& options) {
    options.volume_size = {8, 96, 96};
  });
  refused("model.drop_path",
          [](MitOptions& options) { options.drop_path = 1; });
}

/// Nobody needs the reductions of volumes in a network of images.
TEST(MitOptions, OnlyTheInputsThereAreCount) {
  MitOptions options;
  options.encoder_reductions[3] = 7;
  EXPECT_THROW(validate(options), ConfigError);
  options.dimensions = Dimensions::k2d;
  EXPECT_NO_THROW(validate(options));
}

}  // namespace
}  // namespace unimiss::model
