#include "data/cache_folder.h"

#include <gmock/gmock.h>

#include <chrono>
#include <future>

#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::data {
namespace {

namespace fs = std::filesystem;

constexpr double kGib = 1 << 30;

/// An entry that was used so many hours ago.
void write_entry(const fs::path& path, size_t bytes, int hours = 0) {
  fs::create_directories(path.parent_path());
  testing::write_bytes(path.string(), std::string(bytes, 'x'));
  fs::last_write_time(
      path, fs::file_time_type::clock::now() - std::chrono::hours(hours));
}

TEST(CacheFolder, EntriesLieInFoldersOfTheirFirstLetters) {
  const testing::TemporaryDirectory folder;
  CacheFolder cache(folder.file("cache"), 1, "images");
  EXPECT_EQ(cache.keep("abcd.nii"), folder.file("cache/ab/abcd.nii"));
  testing::write_bytes(folder.file("file"), "");
  EXPECT_THROW(CacheFolder(folder.file("file/cache"), 1, "images"), DataError);
}

TEST(CacheFolder, OldEntriesOfOthersMakeRoom) {
  const testing::TemporaryDirectory folder;
  CacheFolder cache(folder.path().string(), 10000 / kGib, "images");
  const fs::path mine = cache.keep("aa1.nii");
  const fs::path oldest = folder.file("bb/bb1.nii");
  const fs::path newer = folder.file("cc/cc1.nii");
  const fs::path other = folder.file("cc/notes.txt");
  write_entry(mine, 4000, 50);
  write_entry(oldest, 3000, 40);
  write_entry(newer, 2000, 1);
  write_entry(other, 10, 90);
  EXPECT_TRUE(cache.make_room(folder.file("dd/dd1.nii"), 3000));
  EXPECT_TRUE(fs::exists(mine));
  EXPECT_FALSE(fs::exists(oldest));
  EXPECT_TRUE(fs::exists(newer));
  EXPECT_TRUE(fs::exists(other));
}

TEST(CacheFolder, PartsOfKilledProcessesGoAfterADay) {
  const testing::TemporaryDirectory folder;
  CacheFolder cache(folder.path().string(), 10000 / kGib, "images");
  const fs::path abandoned = folder.file("aa/1.part");
  const fs::path busy = folder.file("aa/2.part");
  write_entry(abandoned, 9000, 25);
  write_entry(busy, 9000, 1);
  EXPECT_TRUE(cache.make_room(folder.file("dd/dd1.nii"), 5000));
  EXPECT_FALSE(fs::exists(abandoned));
  EXPECT_TRUE(fs::exists(busy));
}

TEST(CacheFolder, FullOnceIsFullForGood) {
  const testing::TemporaryDirectory folder;
  CacheFolder cache(folder.path().string(), 10000 / kGib, "images");
  const fs::path one = folder.file("aa/aa1.nii");
  EXPECT_TRUE(cache.make_room(one, 6000));
  // What is being written counts.
  ::testing::internal::CaptureStderr();
  EXPECT_FALSE(cache.make_room(folder.file("aa/aa2.nii"), 6000));
  cache.settle(one);
  EXPECT_FALSE(cache.make_room(folder.file("aa/aa3.nii"), 1));
  const std::string told = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(told, ::testing::HasSubstr("is full"));
  EXPECT_EQ(told.find("is full"), told.rfind("is full"));
}

TEST(CacheFolder, GivingUpIsToldOnce) {
  const testing::TemporaryDirectory folder;
  CacheFolder cache(folder.path().string(), 1, "volumes");
  ::testing::internal::CaptureStderr();
  cache.give_up("the disk is gone");
  cache.give_up("the disk is gone");
  const std::string told = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(told, ::testing::HasSubstr("the other volumes are decoded"));
  EXPECT_EQ(told.find("gone"), told.rfind("gone"));
  EXPECT_FALSE(cache.make_room(folder.file("aa/aa1.nii"), 1));
}

TEST(CacheFolder, ALockKeepsOthersOut) {
  const testing::TemporaryDirectory folder;
  std::promise<void> locked;
  std::future<void> other;
  {
    const FileLock lock(folder.file("lock"));
    other = std::async(std::launch::async, [&] {
      locked.set_value();
      const FileLock second(folder.file("lock"));
    });
    locked.get_future().wait();
    EXPECT_EQ(other.wait_for(std::chrono::milliseconds(100)),
              std::future_status::timeout);
  }
  other.get();
}

}  // namespace
}  // namespace unimiss::data
