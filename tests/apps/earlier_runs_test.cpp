// Runs, caches, predictions and a table that version 0.1 wrote (commit a7d24df;
// scripts/make_run_golden.py) open and go on with the programs of today.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "apps/toy_files.h"
#include "testing/files.h"
#include "testing/program.h"
#include "unimiss/io/volume.h"

namespace unimiss {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using Json = nlohmann::json;
using testing::read_bytes;

constexpr const char* kGolden = "runs/0.1-a7d24df";
/// Configurations, table_settings.yaml and the names of cache entries hold this
/// path, so the files are looked at where they were made.
constexpr const char* kFolder = "/tmp/unimiss-golden-0.1-a7d24df";
/// When all files below data/ were changed, which no copy keeps: caches and
/// records of predictions know their sources by it.
constexpr std::chrono::sys_seconds kChanged{std::chrono::seconds(1704067200)};
/// Relative; other processors sum in another order.
constexpr double kTolerance = 1e-4;

/// What follows the header of a safetensors file: its length, then JSON.
std::string tensor_bytes(const std::string& file) {
  uint64_t header = 0;
  std::memcpy(&header, file.data(), sizeof header);
  return file.substr(sizeof header + header);
}

class EarlierRuns : public ::testing::Test {
 protected:
  void SetUp() override {
    // Other builds may be testing on this machine at the same time.
    lock_ = open((std::string(kFolder) + ".lock").c_str(),
                 O_RDONLY | O_CREAT | O_CLOEXEC, 0666);
    ASSERT_GE(lock_, 0);
    ASSERT_EQ(flock(lock_, LOCK_EX), 0);
    fs::remove_all(kFolder);
    fs::copy(testing::golden_file(kGolden), kFolder,
             fs::copy_options::recursive);
    for (const auto& entry : fs::recursive_directory_iterator(file("data"))) {
      date(entry.path());
    }
  }

  ~EarlierRuns() override {
    if (lock_ < 0) return;
    std::error_code ignored;
    fs::remove_all(kFolder, ignored);
    close(lock_);
  }

  static std::string file(const std::string& name) {
    return std::string(kFolder) + "/" + name;
  }

  static void date(const fs::path& path) {
    fs::last_write_time(path, std::chrono::file_clock::from_sys(kChanged));
  }

  /// As if it were the same file to a cache, which must not read it again.
  static void make_unreadable(const std::string& name) {
    testing::write_bytes(file(name), std::string(fs::file_size(file(name)), 0));
    date(file(name));
  }

  static Json json(const std::string& name) {
    return Json::parse(read_bytes(file(name)), nullptr, false);
  }

  static std::vector<Json> metrics(const std::string& run) {
    return testing::json_lines(file(run + "/metrics.jsonl"));
  }

  /// Goes on with a run by the configuration that lies in it.
  static testing::ProgramResult go_on(const std::string& program,
                                      const std::string& run) {
    return testing::run_program(
        program,
        "--config " + file(run + "/config.yaml") + " run.time_limit=0");
  }

  static void expect_near(const Json& found, const Json& expected,
                          double relative, const std::string& what) {
    ASSERT_TRUE(found.is_number() && expected.is_number()) << what;
    const auto value = expected.get<double>();
    EXPECT_NEAR(found.get<double>(), value, relative * std::abs(value)) << what;
  }

  /// What a stopped run recorded stays, and what it adds is what the one that
  /// was left alone recorded.
  static void expect_continued(const std::vector<Json>& before,
                               const std::string& run,
                               const std::string& unbroken) {
    const auto found = metrics(run), whole = metrics(unbroken);
    ASSERT_FALSE(before.empty());
    ASSERT_LT(before.size(), whole.size());
    ASSERT_EQ(found.size(), whole.size());
    for (size_t i = 0; i < whole.size(); ++i) {
      const std::string what = run + ", record " + std::to_string(i);
      if (i < before.size()) {
        EXPECT_EQ(found[i], before[i]) << what;
      }
      EXPECT_EQ(found[i]["step"], whole[i]["step"]) << what;
      EXPECT_EQ(found[i]["phase"], whole[i]["phase"]) << what;
      if (whole[i]["phase"] == "validation") continue;
      for (const char* key : {"loss", "lr"}) {
        expect_near(found[i][key], whole[i][key], kTolerance, what + key);
      }
    }
  }

  /// All files of a folder, without the locks that programs leave.
  static std::map<std::string, std::string> files_below(
      const std::string& folder) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(file(folder))) {
      if (!entry.is_regular_file() || entry.path().filename() == ".lock") {
        continue;
      }
      files[fs::relative(entry.path(), file(folder)).string()] =
          read_bytes(entry.path());
    }
    return files;
  }

  /// Share of voxels that are the same in two label maps.
  static double agreement(const std::string& found,
                          const std::string& expected) {
    const auto map = [](const std::string& name) {
      return io::read_volume(file(name), io::VoxelKind::kLabels).voxels;
    };
    const torch::Tensor one = map(found), other = map(expected);
    EXPECT_GT(other.ne(0).sum().item<int64_t>(), 0) << expected;
    if (one.sizes() != other.sizes()) return 0;
    return one.eq(other).to(torch::kDouble).mean().item<double>();
  }

  static testing::ProgramResult table() {
    return testing::run_program(
        "unimiss-table",
        "--config " + file("segment.yaml") + " --output " + file("table") +
            " --init scratch --init unimiss=" + file("runs/pretrain") +
            " --seed 1,2 --title Earlier run.epochs=1");
  }

 private:
  int lock_ = -1;
};

TEST_F(EarlierRuns, APretrainingGoesOnFromItsCache) {
  for (const char* name : {"image0.png", "image1.png", "image2.png",
                           "volume0.nii.gz", "volume1.nii.gz"}) {
    make_unreadable(std::string("data/") + name);
  }
  const auto before = metrics("runs/pretrain_stopped");
  const auto cache = files_below("runs/cache");
  const auto result = go_on("unimiss-pretrain", "runs/pretrain_stopped");
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("going on from step 3"));
  expect_continued(before, "runs/pretrain_stopped", "runs/pretrain");
  EXPECT_TRUE(files_below("runs/cache") == cache);
  EXPECT_EQ(json("runs/pretrain_stopped/manifest.json")["starts"].size(), 4u);
  for (const char* name : {"student", "teacher", "full"}) {
    EXPECT_TRUE(fs::exists(file(std::string("runs/pretrain_stopped/export/") +
                                name + ".safetensors")));
  }
}

TEST_F(EarlierRuns, AFineTuningGoesOnFromItsCache) {
  // Cases of validation and test are read on their own grid too.
  const Json split = json("runs/segment_stopped/splits.json")[0];
  ASSERT_EQ(split["train"].size(), 4u);
  for (const Json& id : split["train"]) {
    const std::string name = "data/" + id.get<std::string>();
    make_unreadable(name + ".nii.gz");
    make_unreadable(name + "_label.nii.gz");
  }
  const auto before = metrics("runs/segment_stopped");
  const auto cache = files_below("runs/cache");
  const auto result = go_on("unimiss-finetune", "runs/segment_stopped");
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("going on from step 5"));
  expect_continued(before, "runs/segment_stopped", "runs/segment");
  EXPECT_TRUE(files_below("runs/cache") == cache);
  for (const std::string name :
       {"test/predictions/test0.nii.gz", "test/predictions/test1.nii.gz"}) {
    EXPECT_GT(agreement("runs/segment_stopped/" + name, "runs/segment/" + name),
              0.995);
  }
  expect_near(
      json("runs/segment_stopped/test/summary.json")["foreground_mean"]["Dice"],
      json("runs/segment/test/summary.json")["foreground_mean"]["Dice"], 0.02,
      "Dice");
}

TEST_F(EarlierRuns, AFinishedRunIsNotTrainedAgain) {
  const auto before = files_below("runs/classify");
  const auto result = go_on("unimiss-finetune", "runs/classify");
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("finished already"));
  const auto after = files_below("runs/classify");
  // Its configuration says the same in other words, so that it is not tested
  // again either.
  for (const char* name : {"metrics.jsonl", "splits.json", "test/summary.json",
                           "validation/summary.json"}) {
    ASSERT_TRUE(after.contains(name)) << name;
    EXPECT_TRUE(after.at(name) == before.at(name)) << name;
  }
  // Its metadata hold the configuration, with the present names of keys.
  constexpr const char* kWeights = "export/best.safetensors";
  ASSERT_TRUE(after.contains(kWeights));
  EXPECT_TRUE(tensor_bytes(after.at(kWeights)) ==
              tensor_bytes(before.at(kWeights)));
}

TEST_F(EarlierRuns, APretrainingGivesOthersTheirWeights) {
  auto result = testing::run_program(
      "unimiss-finetune", "--config " + file("runs/segment/config.yaml") +
                              " --output " + file("runs/begun") +
                              " run.max_steps=1 data.test=[]");
  ASSERT_EQ(result.status, 0) << result.output;
  // Before its first update the loss tells of nothing but weights and data.
  const Json first = metrics("runs/begun")[0];
  expect_near(first["loss"], metrics("runs/segment")[0]["loss"], kTolerance,
              "fine-tuning");
  result = testing::run_program(
      "unimiss-pretrain",
      "--config " + file("runs/pretrain/config.yaml") + " --output " +
          file("runs/further") +
          " run.max_steps=4 init.weights=" + file("runs/pretrain"));
  ASSERT_EQ(result.status, 0) << result.output;
  // Random weights had 25 times the loss.
  EXPECT_LT(metrics("runs/further")[0]["loss"],
            metrics("runs/pretrain")[0]["loss"].get<double>() / 4);
}

TEST_F(EarlierRuns, OnlyWhatIsMissingIsPredicted) {
  const auto before = files_below("predicted");
  ASSERT_FALSE(before.contains("scan1.nii.gz"));
  const auto result = testing::run_program(
      "unimiss-predict",
      "--threads 1 --save-probabilities --model " + file("runs/segment") +
          " --input " + file("data/scans") + " --output " + file("predicted"));
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("1 of 3 cases predicted"));
  const auto after = files_below("predicted");
  for (const auto& [name, bytes] : before) {
    ASSERT_TRUE(after.contains(name)) << name;
    EXPECT_TRUE(after.at(name) == bytes) << name;
  }
  // Map, record, and the probabilities of three classes.
  EXPECT_EQ(after.size(), before.size() + 5);
  EXPECT_GT(
      agreement("predicted/scan1.nii.gz", "expected/predicted/scan1.nii.gz"),
      0.999);
}

TEST_F(EarlierRuns, ClassesArePredictedAsTheyWere) {
  const auto result = testing::run_program(
      "unimiss-predict", "--threads 1 --model " + file("runs/classify") +
                             " --input " + file("data/classify_test.csv") +
                             " --output " + file("classes"));
  ASSERT_EQ(result.status, 0) << result.output;
  std::istringstream found(read_bytes(file("classes/predictions.csv")));
  std::istringstream expected(
      read_bytes(file("expected/classes/predictions.csv")));
  std::string one, other;
  int cases = -1;  // the first line is the header
  for (; std::getline(expected, other); ++cases) {
    ASSERT_TRUE(std::getline(found, one));
    std::istringstream ones(one), others(other);
    for (int field = 0; std::getline(others, other, ','); ++field) {
      ASSERT_TRUE(std::getline(ones, one, ','));
      if (cases < 0 || field < 2) {
        EXPECT_EQ(one, other);
      } else {
        EXPECT_NEAR(std::stod(one), std::stod(other), 1e-5);
      }
    }
  }
  EXPECT_EQ(cases, 4);
}

TEST_F(EarlierRuns, PredictionsAreMeasuredAsTheyWere) {
  const auto result = testing::run_program(
      "unimiss-evaluate",
      "--predictions " + file("runs/segment/test/predictions") +
          " --references " + file("data/segment_test.txt") +
          " --resamples 200 --classes background,rim,core --output " +
          file("evaluation.json"));
  ASSERT_EQ(result.status, 0) << result.output;
  const Json expected = json("expected/evaluation.json");
  const Json found = json("evaluation.json");
  ASSERT_TRUE(found.is_object());
  ASSERT_TRUE(expected["foreground_mean"].contains("HD95"));
  for (const auto& [name, value] : expected["foreground_mean"].items()) {
    expect_near(found["foreground_mean"].value(name, Json()), value, 1e-6,
                name);
  }
}

TEST_F(EarlierRuns, ATableMissesNoRun) {
  const auto before = files_below("table");
  const auto result = table();
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("0 of 4 runs are missing"));
  auto after = files_below("table");
  EXPECT_EQ(after["table.md"], before.at("table.md"));
  after.erase("table.png");
  EXPECT_TRUE(after == before);

  // Other settings are still told from these.
  fs::copy_file(file("runs/pretrain/export/student.safetensors"),
                file("runs/pretrain/export/teacher.safetensors"),
                fs::copy_options::overwrite_existing);
  const auto other = table();
  EXPECT_EQ(other.status, 2) << other.output;
  EXPECT_THAT(other.output, HasSubstr("unimiss/ratio_1/seed_1"));
}

}  // namespace
}  // namespace unimiss
