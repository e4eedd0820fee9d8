#include "unimiss/data/volume_dataset.h"

#include <gmock/gmock.h>

#include <thread>

#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"
#include "unimiss/io/volume.h"

namespace unimiss::data {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using unimiss::testing::TemporaryDirectory;

/// Options under which a view of [4, 8, 8] shows a volume of that size.
VolumeTransformOptions plain() {
  VolumeTransformOptions options;
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

TEST(VolumeDataset, ViewsShowTheFilesResampled) {
  const TemporaryDirectory folder;
  const auto hu = torch::arange(256, torch::kFloat32).view({4, 8, 8}) - 100;
  io::write_volume(folder.file("a.nii.gz"), {hu, {3, 1, 1}});
  // The same content at half the spacing in depth.
  io::write_volume(folder.file("b.nii"),
                   {hu.repeat_interleave(2, 0).contiguous(), {1.5, 1, 1}});
  const VolumeDataset dataset({folder.file("a.nii.gz"), folder.file("b.nii")},
                              plain(), {.samples_per_volume = 5});
  EXPECT_EQ(dataset.size(), 10);
  Random random({1});
  for (int64_t index : {0, 4, 5, 9}) {
    const Views views = dataset.sample(index, random);
    EXPECT_TRUE(views.first.allclose(hu.unsqueeze(0) / 1024)) << index;
    EXPECT_TRUE(views.second.equal(views.first));
  }
  auto kept = VolumeCacheOptions{.samples_per_volume = 1};
  kept.spacing.reset();
  const VolumeDataset original({folder.file("b.nii")}, plain(), kept);
  const auto view = original.sample(0, random).first[0];
  EXPECT_TRUE(view[0].equal(view[1]) || view[1].equal(view[2]));
}

TEST(VolumeDataset, ThreadsShareTheCache) {
  const TemporaryDirectory folder;
  std::vector<std::string> files;
  for (int i = 0; i < 3; ++i) {
    files.push_back(folder.file(std::to_string(i) + ".nii.gz"));
    io::write_volume(
        files.back(),
        {torch::full({4, 8, 8}, 1024.0f * static_cast<float>(i)), {3, 1, 1}});
  }
  // Room for one volume of 512 bytes: threads keep evicting each other's.
  const VolumeDataset dataset(
      files, plain(),
      {.samples_per_volume = 1, .cache_gib = 600.0 / (1 << 30)});
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      Random random({static_cast<uint64_t>(thread)});
      for (int i = 0; i < 30; ++i) {
        const int64_t index = random.integer(3);
        const auto view = dataset.sample(index, random).first;
        const float* value = view.data_ptr<float>();
        wrong += *value != static_cast<float>(index);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(VolumeDataset, ErrorsNameTheFile) {
  const TemporaryDirectory folder;
  io::write_volume(folder.file("coarse.nii"),
                   {torch::zeros({20, 30, 30}), {1000, 1000, 1000}});
  const VolumeDataset dataset({folder.file("coarse.nii")}, plain());
  Random random({1});
  try {
    dataset.sample(0, random);
    ADD_FAILURE() << "18 Tvoxels were resampled";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("coarse.nii"), HasSubstr("coarser spacing")));
  }
}

}  // namespace
}  // namespace unimiss::data
