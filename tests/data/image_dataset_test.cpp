#include "unimiss/data/image_dataset.h"

#include <gmock/gmock.h>

#include <numeric>

#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/io/image.h"

namespace unimiss::data {
namespace {

using unimiss::testing::TemporaryDirectory;

/// Options under which a view shows the image itself.
augment::ImageTransformOptions plain(int64_t size) {
  augment::ImageTransformOptions options{.image_size = size};
  options.crop_scale = {1, 1};
  options.crop_ratio = {1, 1};
  options.flip_probability = options.jitter_probability = 0;
  options.gray_probability = options.blur_probability = {0, 0};
  return options;
}

/// All images of a cache in the same folder.
ImageDataset dataset_of(const TemporaryDirectory& folder,
                        std::vector<std::string> files,
                        const augment::ImageTransformOptions& transforms,
                        int64_t shortest_side = 512) {
  std::vector<int64_t> sources(files.size());
  std::iota(sources.begin(), sources.end(), 0);
  return {cache_images(std::move(files), {folder.file("cache")}, shortest_side),
          sources, transforms};
}

TEST(ImageDataset, ViewsShowTheFiles) {
  const TemporaryDirectory folder;
  const auto gray = torch::arange(64).view({8, 8}).to(torch::kUInt8);
  const auto color = torch::arange(192).view({3, 8, 8}).to(torch::kUInt8);
  io::write_png(folder.file("grey.png"), gray);
  io::write_png(folder.file("colour.png"), color);
  io::write_png(folder.file("repeated.png"), gray.repeat({3, 1, 1}));
  const auto dataset =
      dataset_of(folder,
                 {folder.file("grey.png"), folder.file("colour.png"),
                  folder.file("repeated.png")},
                 plain(8));
  ASSERT_EQ(dataset.size(), 3);
  Random random({1});
  const auto shown = [&](int64_t index) {
    return dataset.sample(index, random).images[1].mul(255).round();
  };
  const auto expected = gray.repeat({3, 1, 1}).to(torch::kFloat32);
  EXPECT_TRUE(shown(0).equal(expected));
  EXPECT_TRUE(shown(1).equal(color.to(torch::kFloat32)));
  EXPECT_TRUE(shown(2).equal(expected));
}

TEST(ImageDataset, LargeImagesAreReducedByAveraging) {
  const TemporaryDirectory folder;
  const auto checks = torch::arange(16 * 16).remainder(2).mul(200);
  io::write_png(folder.file("a.png"), checks.view({16, 16}).to(torch::kUInt8));
  const auto dataset = dataset_of(folder, {folder.file("a.png")}, plain(8), 8);
  Random random({1});
  const auto view = dataset.sample(0, random).images[0];
  EXPECT_TRUE(view.allclose(torch::full({3, 8, 8}, 100.0 / 255)));
}

TEST(ImageDataset, UsesTheChosenSources) {
  const TemporaryDirectory folder;
  std::vector<std::string> files;
  for (int i = 0; i < 3; ++i) {
    files.push_back(folder.file(std::to_string(i) + ".png"));
    io::write_png(files.back(), torch::full({8, 8}, 50 * i, torch::kUInt8));
  }
  const ImageDataset dataset(cache_images(files, {folder.file("cache")}),
                             {0, 2}, plain(8));
  ASSERT_EQ(dataset.size(), 2);
  Random random({1});
  EXPECT_TRUE(dataset.sample(1, random).images[0].allclose(
      torch::full({3, 8, 8}, 100.0 / 255)));
}

TEST(ImageDataset, FailuresNameStageFileAndReason) {
  const TemporaryDirectory folder;
  io::write_png(folder.file("a.png"), torch::zeros({8, 8}, torch::kUInt8));
  const auto error_of = [&](const augment::ImageTransformOptions& options) {
    const ImageDataset dataset(
        cache_images({folder.file("a.png")}, {folder.file("cache")}), {0},
        options);
    Random random({1});
    return unimiss::testing::error_text<DataError>(
        [&] { dataset.sample(0, random); });
  };
  EXPECT_EQ(error_of(plain(8)), "no error");
  unimiss::testing::write_bytes(folder.file("a.png"), "no image");
  EXPECT_THAT(error_of(plain(8)),
              ::testing::AllOf(::testing::StartsWith("decoding: "),
                               ::testing::HasSubstr("a.png: neither")));
}

}  // namespace
}  // namespace unimiss::data
