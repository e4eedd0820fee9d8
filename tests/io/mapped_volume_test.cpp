#include "unimiss/io/mapped_volume.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"
#include "unimiss/io/volume.h"

namespace unimiss::io {
namespace {

using ::testing::HasSubstr;
using unimiss::testing::read_bytes;
using unimiss::testing::TemporaryDirectory;
using unimiss::testing::write_bytes;

torch::Tensor counted(c10::ScalarType type) {
  return (at::arange(2 * 3 * 4) - (type == torch::kInt16 ? 12 : 0))
      .view({2, 3, 4})
      .to(type);
}

TEST(MappedVolume, ReturnsWhatWasWritten) {
  const TemporaryDirectory folder;
  for (const auto type : {torch::kUInt8, torch::kInt16, torch::kUInt16}) {
    const torch::Tensor voxels = counted(type);
    write_mapped_volume(folder.file("v.nii"), voxels, {3, 2, 1});
    const torch::Tensor mapped =
        map_volume(folder.file("v.nii"), MappedCheck::kVoxels).voxels;
    EXPECT_EQ(mapped.scalar_type(), type);
    EXPECT_TRUE(mapped.to(torch::kInt).equal(voxels.to(torch::kInt)));
  }
  // Nothing else is left behind.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()),
                          std::filesystem::directory_iterator()),
            1);
}

TEST(MappedVolume, IsAVolumeForEveryNiftiReader) {
  const TemporaryDirectory folder;
  write_mapped_volume(folder.file("v.nii"), counted(torch::kInt16),
                      {3, 2, 0.5});
  const Volume volume = read_volume(folder.file("v.nii"));
  EXPECT_TRUE(volume.voxels.equal(counted(torch::kInt16).to(torch::kFloat)));
  EXPECT_EQ(volume.spacing, (std::array<double, 3>{3, 2, 0.5}));
}

TEST(MappedVolume, OutlivesItsFile) {
  const TemporaryDirectory folder;
  write_mapped_volume(folder.file("v.nii"), counted(torch::kInt16), {1, 1, 1});
  const torch::Tensor mapped =
      map_volume(folder.file("v.nii"), MappedCheck::kHeader).voxels;
  std::filesystem::remove(folder.file("v.nii"));
  EXPECT_TRUE(mapped.equal(counted(torch::kInt16)));
}

TEST(MappedVolume, DamageIsFound) {
  const TemporaryDirectory folder;
  const std::string path = folder.file("v.nii");
  auto error_of = [&](const std::string& bytes, MappedCheck check) {
    write_bytes(path, bytes);
    const std::string error = unimiss::testing::error_text<DataError>(
        [&] { map_volume(path, check); });
    if (error != "no error") {
      EXPECT_THAT(error, HasSubstr("v.nii"));
    }
    return error;
  };
  write_mapped_volume(path, counted(torch::kInt16), {1, 1, 1});
  const std::string good = read_bytes(path);
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_NE(error_of(good.substr(0, size), MappedCheck::kHeader), "no error")
        << size;
  }
  EXPECT_NE(error_of(good + "x", MappedCheck::kHeader), "no error");
  std::string flipped = good;
  flipped[360] ^= 1;
  EXPECT_EQ(error_of(flipped, MappedCheck::kHeader), "no error");
  EXPECT_THAT(error_of(flipped, MappedCheck::kVoxels), HasSubstr("checksum"));
  flipped = good;
  flipped[43] = '\x7f';  // an axis of 32 512 voxels
  EXPECT_THAT(error_of(flipped, MappedCheck::kHeader),
              HasSubstr("does not fit"));
  for (const size_t place : {80u, 83u, 280u, 303u}) {  // both hold the spacing
    flipped = good;
    flipped[place] ^= 0x40;
    EXPECT_THAT(error_of(flipped, MappedCheck::kHeader), HasSubstr("spacing"))
        << place;
  }
  EXPECT_THROW(map_volume(folder.file("none.nii"), MappedCheck::kHeader),
               Error);
}

TEST(MappedVolume, AFolderThatIsNotThereIsAnError) {
  const TemporaryDirectory folder;
  EXPECT_THROW(write_mapped_volume(folder.file("no/v.nii"),
                                   counted(torch::kInt16), {1, 1, 1}),
               DataError);
}

}  // namespace
}  // namespace unimiss::io
