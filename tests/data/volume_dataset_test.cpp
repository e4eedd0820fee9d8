#include "unimiss/data/volume_dataset.h"

#include <gmock/gmock.h>

#include <numeric>

#include "testing/error_text.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"
#include "unimiss/io/volume.h"

namespace unimiss::data {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using unimiss::testing::TemporaryDirectory;

constexpr std::array<double, 3> kSpacing{3, 1, 1};

/// Options under which a view of [4, 8, 8] shows a volume of that size.
augment::VolumeTransformOptions plain() {
  augment::VolumeTransformOptions options;
  options.volume_size = {4, 8, 8};
  options.common_depth = 4;
  options.common_scale = options.view_scale = {1, 1};
  options.mirror_probability = options.blur_probability = 0;
  options.noise_sigma = 0;
  options.brightness_probability = options.offset_probability = {0, 0};
  options.contrast = {1, 1};
  options.gamma_probability = {0, 0};
  return options;
}

std::vector<int64_t> first(int64_t count) {
  std::vector<int64_t> sources(count);
  std::iota(sources.begin(), sources.end(), 0);
  return sources;
}

TEST(VolumeDataset, ViewsShowTheFilesResampled) {
  const TemporaryDirectory folder;
  const auto hu = torch::arange(256, torch::kFloat32).view({4, 8, 8}) - 100;
  io::write_volume(folder.file("a.nii.gz"), {hu, {3, 1, 1}});
  // The same content at half the spacing in depth.
  io::write_volume(folder.file("b.nii"),
                   {hu.repeat_interleave(2, 0).contiguous(), {1.5, 1, 1}});
  const VolumeDataset dataset(
      cache_volumes({folder.file("a.nii.gz"), folder.file("b.nii")},
                    {folder.file("cache")}, kSpacing),
      first(2), 5, plain());
  EXPECT_EQ(dataset.size(), 10);
  Random random({1});
  for (int64_t index : {0, 4, 5, 9}) {
    const augment::Sample views = dataset.sample(index, random);
    EXPECT_TRUE(views.images[0].allclose(hu.unsqueeze(0) / 1024)) << index;
    EXPECT_TRUE(views.images[1].equal(views.images[0]));
  }
  const VolumeDataset original(
      cache_volumes({folder.file("b.nii")}, {folder.file("cache")}, {}),
      first(1), 1, plain());
  const auto view = original.sample(0, random).images[0][0];
  EXPECT_TRUE(view[0].equal(view[1]) || view[1].equal(view[2]));
}

TEST(VolumeDataset, ErrorsNameTheFile) {
  const TemporaryDirectory folder;
  io::write_volume(folder.file("coarse.nii"),
                   {torch::zeros({20, 30, 30}), {1000, 1000, 1000}});
  const VolumeDataset dataset(cache_volumes({folder.file("coarse.nii")},
                                            {folder.file("cache")}, kSpacing),
                              first(1), 24, plain());
  Random random({1});
  EXPECT_THAT(unimiss::testing::error_text<DataError>(
                  [&] { dataset.sample(0, random); }),
              AllOf(HasSubstr("decoding: "), HasSubstr("coarse.nii"),
                    HasSubstr("coarser data.spacing")));
}

}  // namespace
}  // namespace unimiss::data
