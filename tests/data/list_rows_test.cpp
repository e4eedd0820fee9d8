#include "data/list_rows.h"

#include <gmock/gmock.h>

#include <sstream>

#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::data {
namespace {

using ::testing::HasSubstr;

/// The rows of a list; what is wrong with it is thrown.
std::vector<ListRow> rows_of(const std::string& text,
                             const ManifestOptions& options = {},
                             const std::filesystem::path& folder = "none") {
  ProblemList problems;
  std::istringstream list(text);
  std::vector<ListRow> rows = ListReader(folder, options, problems).read(list);
  problems.throw_if_any("list", "cannot be used");
  return rows;
}

std::string list_error(const std::string& text,
                       const ManifestOptions& options) {
  return unimiss::testing::error_text<DataError>(
      [&] { rows_of(text, options); });
}

ManifestOptions labels() {
  ManifestOptions options;
  options.target = ManifestTarget::kLabel;
  return options;
}

TEST(ListRows, APlainLineIsAPath) {
  const auto rows = rows_of("\xef\xbb\xbf# two\n\n a b.png \nc.png\n");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].image, "a b.png");
  EXPECT_EQ(rows[0].line, 3);
  EXPECT_EQ(rows[1].image, "c.png");
}

TEST(ListRows, APlainLineMayEndInItsTarget) {
  const auto rows = rows_of("a b.png 3\n", labels());
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].image, "a b.png");
  EXPECT_EQ(rows[0].target, "3");
  EXPECT_THAT(list_error("a.png 1\nb.png\n", labels()),
              HasSubstr("line 2: 'b.png' has no label"));
}

TEST(ListRows, ColumnsHaveNamesInAnyOrder) {
  const auto rows = rows_of(
      "patient,split,image,label\np1,train,\"a, b.png\",2\np2,test,c.png,0\n",
      labels());
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].image, "a, b.png");
  EXPECT_EQ(rows[0].target, "2");
  EXPECT_EQ(rows[0].patient, "p1");
  EXPECT_EQ(rows[1].split, "test");
}

TEST(ListRows, OneSplitCanBeAskedFor) {
  ManifestOptions options;
  options.split = "test";
  const auto rows = rows_of("image,split\na,train\nb,test\n", options);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].image, "b");
  EXPECT_THAT(list_error("image\na\n", options),
              HasSubstr("line 1: the header has no column 'split'"));
}

TEST(ListRows, RowsHaveTheHeadersFields) {
  EXPECT_THAT(list_error("image,label\na\n", labels()),
              HasSubstr("line 2: 1 fields, the header has 2"));
  EXPECT_THAT(list_error("image,label\n\"a,1\n", labels()),
              HasSubstr("line 2: a quote is not closed"));
  EXPECT_THAT(list_error("image\na\n", labels()),
              HasSubstr("the header has no column 'label'"));
}

TEST(ListRows, AFileNamedImageIsNoHeader) {
  const testing::TemporaryDirectory folder;
  EXPECT_EQ(rows_of("image\nb\n", {}, folder.path()).size(), 1u);
  testing::write_bytes(folder.file("image"), "x");
  EXPECT_EQ(rows_of("image\nb\n", {}, folder.path()).size(), 2u);
}

}  // namespace
}  // namespace unimiss::data
