#include "predict/case_record.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::predict {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using unimiss::testing::TemporaryDirectory;
using unimiss::testing::write_bytes;

CaseRecord record_of(const TemporaryDirectory& folder) {
  fs::create_directories(folder.path());
  write_bytes(folder.file("a.nii"), "map");
  write_bytes(folder.file("a.png"), "picture");
  return {"a",
          "scan.nii 3 5",
          "mask.nii 3 5",
          {"a.nii", "a.png"},
          digests_of(folder.path().string(), {"a.nii"}),
          0.1 + 0.2,
          {0.25, 0.75},
          "why not"};
}

TEST(CaseRecord, IsReadAsItWasWritten) {
  const TemporaryDirectory folder;
  const std::string output = folder.path().string();
  const CaseRecord written = record_of(folder);
  write_record(output, written);
  const auto read = read_record(output, "a");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->input, written.input);
  EXPECT_EQ(read->reference, written.reference);
  EXPECT_EQ(read->files, written.files);
  EXPECT_EQ(read->maps, written.maps);
  EXPECT_EQ(read->dice, written.dice);
  EXPECT_EQ(read->probabilities, written.probabilities);
  EXPECT_EQ(read->reference_problem, "why not");
  write_bytes(record_file(output, "b"), "{\"case\": 3");
  write_bytes(record_file(output, "c"), "{}");
  EXPECT_FALSE(read_record(output, "b"));
  EXPECT_FALSE(read_record(output, "c"));
  EXPECT_THAT(recorded_ids(output), ElementsAre("a", "b", "c"));
  EXPECT_EQ(read_records(output, {"b", "a"}).size(), 1u);
}

TEST(CaseRecord, KnowsWhetherItsMapsAreThere) {
  const TemporaryDirectory folder;
  const std::string output = folder.path().string();
  const CaseRecord record = record_of(folder);
  EXPECT_TRUE(maps_are_there(output, record));
  write_bytes(folder.file("a.nii"), "longer");
  EXPECT_FALSE(maps_are_there(output, record));
  fs::remove(folder.file("a.nii"));
  EXPECT_FALSE(maps_are_there(output, record));
}

TEST(CaseRecord, AMapThatWasChangedIsNotForgotten) {
  const TemporaryDirectory folder;
  const std::string output = folder.path().string();
  CaseRecord record = record_of(folder);
  write_record(output, record);
  write_bytes(folder.file("a.nii"), "MAP");  // of the same size
  EXPECT_THAT(unimiss::testing::error_text<DataError>(
                  [&] { forget_others(output, record); }),
              HasSubstr("is no longer as it was predicted"));
  EXPECT_TRUE(fs::exists(record_file(output, "a")));
}

TEST(CaseRecord, FilesOfAnotherInputAreRemovedWithIt) {
  const TemporaryDirectory outer;
  const TemporaryDirectory folder;
  const std::string output = folder.path().string();
  CaseRecord record = record_of(folder);
  write_bytes(outer.file("x"), "");
  record.files.push_back(fs::relative(outer.file("x"), output).string());
  record.files.push_back(outer.file("x"));
  write_record(output, record);
  CaseRecord same = record;
  forget_others(output, same);
  EXPECT_FALSE(fs::exists(record_file(output, "a")));
  EXPECT_TRUE(fs::exists(folder.file("a.png")));
  write_record(output, record);
  CaseRecord other = record;
  other.input = "another";
  forget_others(output, other);
  EXPECT_FALSE(fs::exists(folder.file("a.nii")));
  EXPECT_FALSE(fs::exists(folder.file("a.png")));
  // Whatever a record says, nothing outside of the folder.
  EXPECT_TRUE(fs::exists(outer.file("x")));
}

TEST(CaseRecord, TellsInputsApartByNameSizeAndTime) {
  const TemporaryDirectory folder;
  const std::string file = folder.file("a.nii");
  write_bytes(file, "abc");
  const std::string before = input_text({file});
  EXPECT_THAT(before, HasSubstr("/a.nii 3 "));
  EXPECT_EQ(input_text({file}), before);
  fs::last_write_time(file, fs::last_write_time(file) + std::chrono::hours(1));
  EXPECT_NE(input_text({file}), before);
}

}  // namespace
}  // namespace unimiss::predict
