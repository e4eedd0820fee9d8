#include "unimiss/train/event_log.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "train/event_format.h"
#include "unimiss/core/error.h"

namespace unimiss::train {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// The events of a file; what is around them must be as tf_record() wrote it.
std::vector<std::string> events_of(const std::string& path) {
  const std::string bytes = testing::read_bytes(path);
  std::vector<std::string> events;
  for (size_t at = 0; at < bytes.size();) {
    uint64_t length = 0;
    std::memcpy(&length, bytes.data() + at, sizeof length);
    events.push_back(bytes.substr(at + 12, length));
    const std::string record = tf_record(events.back());
    EXPECT_EQ(bytes.substr(at, record.size()), record);
    at += record.size();
  }
  return events;
}

/// Event.wall_time, which is the first field.
double wall_time(const std::string& event) {
  double seconds = 0;
  std::memcpy(&seconds, event.data() + 1, sizeof seconds);
  return seconds;
}

/// Lets no file grow beyond some size; writing more fails as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    handler_ = signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

TEST(EventLog, ChecksumsAreThoseOfRfc3720) {
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
}

// scripts/make_event_golden.py names the same events.
TEST(EventLog, BytesAreThoseOfTensorBoard) {
  const std::vector<std::string> events{
      version_event(1700000000.25),
      scalars_event(1700000001, 0, {{"loss/2d", 0.0f}}),
      scalars_event(1700000002.5, 1,
                    {{"loss/3d", -1.5f}, {"grad_norm/3d", 0.1f}}),
      scalars_event(
          1700000003.125, 300,
          {{std::string(200, 't'), std::numeric_limits<float>::max()}}),
      start_event(1700000004, 200),
      scalars_event(1700000005.75, int64_t{1} << 40,
                    {{"loss/2d", std::numeric_limits<float>::denorm_min()}}),
  };
  std::string bytes;
  for (const std::string& event : events) bytes += tf_record(event);
  const std::string golden = testing::golden_file("events.tfevents");
  EXPECT_EQ(bytes, testing::read_bytes(golden));
  EXPECT_EQ(events_of(golden), events);
}

TEST(EventLog, PhasesHaveCurvesOfTheirOwn) {
  const testing::TemporaryDirectory folder;
  EventLog log(folder.file("tensorboard"), 0, {"momentum"});
  log.write(7, {{"step", int64_t{7}},
                {"phase", std::string("3d")},
                {"loss", 2.5},
                {"loss/slices", 0.5},
                {"lr", 1e-3},
                {"momentum", 0.99},
                {"grad_norm", std::numeric_limits<double>::quiet_NaN()},
                {"samples_per_second", 1e300},
                {"queue_depth", int64_t{2}},
                {"peak_memory_mb", int64_t{512}},
                {"new", -0.0}});
  log.write(8,
            {{"phase", std::string("2d")}, {"loss", 1.5}, {"loss/image", 1.5}});
  log.write(9, {{"loss", 0.5}, {"lr", 1.0}, {"note", std::string("words")}});
  log.write(10, {{"loss", HUGE_VAL}});

  // Everything lies in the file while the log is still open.
  const auto events = events_of(log.path());
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[0], version_event(wall_time(events[0])));
  EXPECT_EQ(events[1], scalars_event(wall_time(events[1]), 7,
                                     {{"loss/3d", 2.5f},
                                      {"loss/3d/slices", 0.5f},
                                      {"schedule/lr/3d", 1e-3f},
                                      {"schedule/momentum", 0.99f},
                                      {"speed/queue_depth/3d", 2.0f},
                                      {"speed/peak_memory_mb", 512.0f},
                                      {"new/3d", -0.0f}}));
  EXPECT_EQ(events[2],
            scalars_event(wall_time(events[2]), 8,
                          {{"loss/2d", 1.5f}, {"loss/2d/image", 1.5f}}));
  EXPECT_EQ(events[3], scalars_event(wall_time(events[3]), 9,
                                     {{"loss", 0.5f}, {"schedule/lr", 1.0f}}));
  EXPECT_NEAR(wall_time(events[0]), static_cast<double>(time(nullptr)), 600);
  EXPECT_GE(wall_time(events[3]), wall_time(events[0]));
}

TEST(EventLog, AResumedRunComesLastAndSaysWhereItStarts) {
  const testing::TemporaryDirectory folder;
  const std::string later =
      folder.file("events.out.tfevents.4000000000.other.1");
  testing::write_bytes(later, "");
  testing::write_bytes(folder.file("events.out.tfevents.none"), "");
  const EventLog first(folder.path().string(), 0);
  const EventLog resumed(folder.path().string(), 41);
  EXPECT_LT(later, first.path());
  EXPECT_LT(first.path(), resumed.path());
  EXPECT_THAT(resumed.path(), HasSubstr("/events.out.tfevents.4000000002."));
  EXPECT_EQ(events_of(first.path()).size(), 1u);
  const auto events = events_of(resumed.path());
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[1], start_event(wall_time(events[1]), 41));
}

TEST(EventLog, AFolderThatCannotBeMadeIsAnError) {
  const testing::TemporaryDirectory folder;
  testing::write_bytes(folder.file("file"), "");
  for (const char* name : {"file", "file/tensorboard"}) {
    EXPECT_THAT([&] { EventLog(folder.file(name), 0); },
                ThrowsMessage<DataError>(HasSubstr(folder.file(name))));
  }
}

TEST(EventLog, AFullDiskIsAnErrorThatNamesTheFile) {
  const testing::TemporaryDirectory folder;
  EventLog log(folder.path().string(), 0);
  const FileSizeLimit limit(std::filesystem::file_size(log.path()) + 8);
  EXPECT_THAT(
      [&] {
        log.write(1, {{"loss", 1.0}});
      },
      ThrowsMessage<DataError>(HasSubstr(log.path())));
}

}  // namespace
}  // namespace unimiss::train
