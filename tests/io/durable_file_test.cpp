#include "unimiss/io/durable_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iterator>

#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::io {
namespace {

namespace fs = std::filesystem;

int64_t files_in(const fs::path& folder) {
  return std::distance(fs::directory_iterator(folder),
                       fs::directory_iterator());
}

TEST(DurableFile, AppearsWithItsDigestWhenCommitted) {
  const testing::TemporaryDirectory folder;
  const std::string path = folder.file("a.bin");
  FileDigest digest;
  {
    DurableFile file(path);
    file.write("1234", 4);
    file.write("56789", 5);
    EXPECT_FALSE(fs::exists(path));
    digest = file.commit();
  }
  EXPECT_EQ(testing::read_bytes(path), "123456789");
  EXPECT_EQ(digest.bytes, 9u);
  EXPECT_EQ(digest.crc32, 0xcbf43926u);  // the check value of CRC-32
  EXPECT_EQ(digest_of(path), digest);
  EXPECT_EQ(files_in(folder.path()), 1);
}

TEST(DurableFile, LeavesWhatWasThereUntilThen) {
  const testing::TemporaryDirectory folder;
  const std::string path = folder.file("a.bin");
  write_durably(path, "old");
  {
    DurableFile file(path);
    file.write("new", 3);
    for (const auto& entry : fs::directory_iterator(folder.path())) {
      const std::string name = entry.path().filename().string();
      EXPECT_EQ(is_unfinished(name), name != "a.bin") << name;
    }
  }
  EXPECT_EQ(testing::read_bytes(path), "old");
  EXPECT_EQ(files_in(folder.path()), 1);
  write_durably(path, "new");
  EXPECT_EQ(testing::read_bytes(path), "new");
}

TEST(DurableFile, ErrorsNameTheTarget) {
  const testing::TemporaryDirectory folder;
  const auto message = [&](const std::string& path) -> std::string {
    return unimiss::testing::error_text<DataError>(
        [&] { write_durably(path, "x"); });
  };
  EXPECT_NE(message(folder.file("none/a")).find("none/a: cannot be written"),
            std::string::npos);
  fs::create_directory(folder.file("folder"));
  EXPECT_NE(message(folder.file("folder")).find("cannot be replaced"),
            std::string::npos);
  EXPECT_EQ(files_in(folder.path()), 1);
  EXPECT_THROW(digest_of(folder.file("nothing")), DataError);
  EXPECT_NE(message("/dev/full/a"), "no error");
}

/// Ends the process: with 7 where a write beyond the limit was told.
[[noreturn]] void write_beyond_the_limit(
    const testing::TemporaryDirectory& to) {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{1 << 16, 1 << 16};
  setrlimit(RLIMIT_FSIZE, &limit);
  try {
    write_durably(to.file("a"), std::string(size_t{1} << 20, 'x'));
  } catch (const DataError& error) {
    const bool named = std::string(error.what()).find("could not be written") !=
                       std::string::npos;
    std::_Exit(named && files_in(to.path()) == 0 ? 7 : 8);
  }
  std::_Exit(9);
}

TEST(DurableFile, AFullDiskIsAnError) {
  const testing::TemporaryDirectory folder;
  EXPECT_EXIT(write_beyond_the_limit(folder), ::testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace unimiss::io
