#include "predict/temporary_file.h"

#include <gmock/gmock.h>

#include <cerrno>
#include <filesystem>

#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::predict {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(TemporaryFile, HoldsWhatIsWrittenAndHasNoName) {
  const testing::TemporaryDirectory folder;
  const std::string inside = folder.file("made/on/the/way");
  const File file = temporary_file(inside);
  EXPECT_TRUE(std::filesystem::is_empty(inside));
  ASSERT_EQ(std::fwrite("abc", 1, 3, file.get()), 3u);
  std::rewind(file.get());
  char read[3] = {};
  ASSERT_EQ(std::fread(read, 1, 3, file.get()), 3u);
  EXPECT_EQ(std::string(read, 3), "abc");
}

TEST(TemporaryFile, NamesTheFolderThatHoldsNone) {
  const testing::TemporaryDirectory folder;
  testing::write_bytes(folder.file("file"), "");
  EXPECT_THROW(temporary_file(folder.file("file")), DataError);
  errno = ENOSPC;
  EXPECT_THAT(
      unimiss::testing::error_text<DataError>([] { throw_full("out"); }),
      AllOf(HasSubstr("out"), HasSubstr("No space")));
}

}  // namespace
}  // namespace unimiss::predict
