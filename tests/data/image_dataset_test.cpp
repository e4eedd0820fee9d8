#include "unimiss/data/image_dataset.h"

#include <gmock/gmock.h>

#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"
#include "unimiss/io/image.h"

namespace unimiss::data {
namespace {

using unimiss::testing::TemporaryDirectory;
using unimiss::testing::write_bytes;

/// Options under which a view shows the image itself.
ImageTransformOptions plain(int64_t size) {
  ImageTransformOptions options{.image_size = size};
  options.crop_scale = {1, 1};
  options.crop_ratio = {1, 1};
  options.flip_probability = options.jitter_probability = 0;
  options.grey_probability = options.blur_probability = {0, 0};
  return options;
}

TEST(ImageDataset, ViewsShowTheFiles) {
  const TemporaryDirectory folder;
  const auto grey = torch::arange(64).view({8, 8}).to(torch::kUInt8);
  const auto colour = torch::arange(192).view({3, 8, 8}).to(torch::kUInt8);
  io::write_png(folder.file("grey.png"), grey);
  io::write_png(folder.file("colour.png"), colour);
  io::write_png(folder.file("repeated.png"), grey.repeat({3, 1, 1}));
  const ImageDataset dataset(
      {folder.file("grey.png"), folder.file("colour.png"),
       folder.file("repeated.png")},
      plain(8));
  ASSERT_EQ(dataset.size(), 3);
  Random random({1});
  const auto shown = [&](int64_t index) {
    return dataset.sample(index, random).second.mul(255).round();
  };
  const auto expected = grey.repeat({3, 1, 1}).to(torch::kFloat32);
  EXPECT_TRUE(shown(0).equal(expected));
  EXPECT_TRUE(shown(1).equal(colour.to(torch::kFloat32)));
  EXPECT_TRUE(shown(2).equal(expected));
}

TEST(ImageDataset, LargeImagesAreReducedByAveraging) {
  const TemporaryDirectory folder;
  const auto checks = torch::arange(16 * 16).remainder(2).mul(200);
  io::write_png(folder.file("a.png"), checks.view({16, 16}).to(torch::kUInt8));
  const ImageDataset dataset({folder.file("a.png")}, plain(8),
                             {.cache_gib = 1, .cached_side = 8});
  Random random({1});
  const auto view = dataset.sample(0, random).first;
  EXPECT_TRUE(view.allclose(torch::full({3, 8, 8}, 100.0 / 255)));
}

TEST(ImageDataset, CachesAndForgets) {
  const TemporaryDirectory folder;
  std::vector<std::string> files;
  for (int i = 0; i < 3; ++i) {
    files.push_back(folder.file(std::to_string(i) + ".png"));
    io::write_png(files.back(), torch::full({8, 8}, 50 * i, torch::kUInt8));
  }
  // Room for two images of 64 bytes.
  const ImageDataset dataset(files, plain(8), {.cache_gib = 140.0 / (1 << 30)});
  Random random({1});
  for (int64_t index : {0, 1, 0, 2}) dataset.sample(index, random);
  for (const auto& file : files) std::filesystem::remove(file);
  EXPECT_NO_THROW(dataset.sample(0, random));
  EXPECT_NO_THROW(dataset.sample(2, random));
  EXPECT_THROW(dataset.sample(1, random), DataError);
  // A file that could not be read is tried again.
  io::write_png(files[1], torch::full({8, 8}, 50, torch::kUInt8));
  EXPECT_NO_THROW(dataset.sample(1, random));
}

}  // namespace
}  // namespace unimiss::data
