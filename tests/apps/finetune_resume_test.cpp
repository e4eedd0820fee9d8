// A fine-tuning that is stopped and goes on is the one that never stopped.
#include <gmock/gmock.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "apps/toy_finetuning.h"
#include "unimiss/io/tensor_archive.h"

namespace unimiss {
namespace {

namespace fs = std::filesystem;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using Json = nlohmann::json;
using testing::read_bytes;

class FinetuneResume : public testing::ToyFinetuning {
 protected:
  /// Three epochs of three steps; each ends with a validation.
  static constexpr int kSteps = 9;

  FinetuneResume() {
    for (const auto& [list, count] :
         {std::pair<std::string, int>{"train", 6}, {"val", 2}, {"test", 2}}) {
      std::string lines;
      for (int i = 0; i < count; ++i) {
        const std::string name = list + std::to_string(i);
        const torch::Tensor map = box({64, 72});
        image(name + ".png", image_of(map, 30));
        image(name + "_label.png", 255 * map);
        lines += joined({name, ".png ", name, "_label.png\n"});
      }
      testing::write_bytes(file(list + ".txt"), lines);
    }
  }

  /// A network with random depth, samples with everything that is random.
  std::string arguments(const std::string& more = "") const {
    return "model.dimensions=2d model.image_channels=1 model.drop_path=0.2"
           " 'task.classes=[background, box]' task.label_values=[0,255]"
           " augmentation.spatial.elastic_probability=0.5 run.epochs=3"
           " run.checkpoint_every_steps=1 run.keep_checkpoints=99"
           " data.train=" +
           file("train.txt") + " data.validation_lists=" + file("val.txt") +
           " data.test=" + file("test.txt") + " " + more;
  }

  std::string checkpoint(int step) const {
    return file("whole/checkpoints/step_0000000" + std::to_string(step) +
                ".safetensors");
  }

  /// Records without what depends on the machine.
  std::vector<Json> numbers(const std::string& output, int after = 0) const {
    std::vector<Json> records;
    for (Json record : metrics(output)) {
      if (record["step"] <= after) continue;
      for (const char* key : {"seconds", "samples_per_second", "data_wait",
                              "queue_depth", "peak_memory_mb"}) {
        record.erase(key);
      }
      records.push_back(record);
    }
    return records;
  }

  void expect_same_tensors(const std::string& name,
                           const std::string& output) const {
    const auto whole = io::load_tensors(file("whole" + name));
    const auto found = io::load_tensors(file(output + name));
    ASSERT_EQ(whole.size(), found.size()) << output << name;
    for (const auto& [key, tensor] : whole) {
      EXPECT_TRUE(tensor.equal(found.at(key))) << output << name << key;
    }
  }

  /// Everything after this step must be that of "whole".
  void expect_same(const std::string& output, int after = 0) const {
    EXPECT_EQ(numbers(output), numbers("whole", after)) << output;
    // The checkpoint has optimizer, average and position too.
    for (const char* name :
         {"/export/best.safetensors", "/export/last.safetensors",
          "/export/last_average.safetensors",
          "/checkpoints/step_00000009.safetensors"}) {
      ASSERT_TRUE(exists(output + name)) << output << name;
      expect_same_tensors(name, output);
    }
    for (const char* part : {"/validation", "/test"}) {
      Json whole = json(std::string("whole") + part + "/summary.json");
      Json found = json(output + part + "/summary.json");
      for (Json* summary : {&whole, &found}) {
        (*summary)["run"].erase("config");  // names the folder
        for (Json& each : (*summary)["metric_per_case"]) {
          each.erase("prediction_file");
        }
      }
      EXPECT_EQ(found, whole) << output << part;
    }
  }
};

TEST_F(FinetuneResume, FromAnyCheckpointIsAsIfNeverStopped) {
  const auto whole = finetune(arguments(), "whole");
  ASSERT_EQ(whole.status, 0) << whole.output;
  ASSERT_EQ(numbers("whole").size(), size_t{kSteps + 3});
  for (int step = 1; step < kSteps; ++step) {
    const std::string output = "from" + std::to_string(step);
    const auto result =
        finetune(arguments("--resume " + checkpoint(step)), output);
    ASSERT_EQ(result.status, 0) << result.output;
    expect_same(output, step);
  }
}

TEST_F(FinetuneResume, TheBestWeightsOfEarlierStepsComeAlong) {
  // Nothing is learnt: the first validation, after step 3, stays the best.
  const std::string still = arguments("optimizer.lr=1e-30 ");
  ASSERT_EQ(finetune(still, "whole").status, 0);
  for (int step : {2, 3, 4, 8}) {
    const std::string output = "from" + std::to_string(step);
    const auto result =
        finetune(still + "--resume " + checkpoint(step), output);
    ASSERT_EQ(result.status, 0) << result.output;
    expect_same(output, step);
  }
}

TEST_F(FinetuneResume, StoppedBeforeAtAndAfterAValidationItGoesOn) {
  ASSERT_EQ(finetune(arguments(), "whole").status, 0);
  // The limit is over after each step: before the validation that is due at 3.
  for (int stops = 2; stops <= 3; ++stops) {
    const std::string output = "stopped" + std::to_string(stops);
    for (int step = 1; step <= stops; ++step) {
      const auto result = finetune(arguments("run.time_limit=0.001"), output);
      ASSERT_EQ(result.status, 75) << result.output;
      EXPECT_THAT(result.output, HasSubstr("stopped by run.time_limit after "
                                           "step " +
                                           std::to_string(step)));
    }
    EXPECT_EQ(numbers(output).size(), static_cast<size_t>(stops));
    const auto result = finetune(arguments(), output);
    ASSERT_EQ(result.status, 0) << result.output;
    expect_same(output);
  }
  // Killed after it, with records of later steps that no checkpoint has.
  for (int step : {3, 4}) {
    const std::string output = "killed" + std::to_string(step);
    fs::copy(file("whole"), file(output), fs::copy_options::recursive);
    for (const char* part : {"test", "validation"}) {
      fs::remove_all(file(output + "/" + part));
    }
    for (int later = step + 1; later <= kSteps; ++later) {
      const fs::path name =
          file(output) /
          fs::path(checkpoint(later)).lexically_relative(file("whole"));
      fs::remove(name);
      fs::remove(fs::path(name).replace_extension(".json"));
    }
    const auto result = finetune(arguments(), output);
    ASSERT_EQ(result.status, 0) << result.output;
    EXPECT_THAT(result.output,
                HasSubstr("going on from step " + std::to_string(step)));
    expect_same(output);
  }
}

TEST_F(FinetuneResume, ASignalSavesAndTheSameCommandGoesOn) {
  ASSERT_EQ(finetune(arguments(), "whole").status, 0);
  testing::ProgramResult stopped;
  // Checkpoints are only written because of the signal.
  std::thread run([&] {
    stopped = finetune(arguments("run.checkpoint_every_steps=0"), "signalled");
  });
  const std::string log = file("signalled/metrics.jsonl");
  for (int i = 0; i < 6000 && read_bytes(log).empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  // Never throws: the thread must be joined.
  const Json manifest = json("signalled/manifest.json");
  const int process =
      manifest.is_object()
          ? std::stoi(manifest["starts"][0].value("process", "0"))
          : 0;
  const bool sent = process > 0 && kill(process, SIGTERM) == 0;
  run.join();
  EXPECT_TRUE(sent);
  ASSERT_EQ(stopped.status, 75) << stopped.output;
  EXPECT_THAT(stopped.output, HasSubstr("stopped by SIGTERM"));
  EXPECT_FALSE(exists("signalled/test"));
  const auto result = finetune(arguments(), "signalled");
  ASSERT_EQ(result.status, 0) << result.output;
  expect_same("signalled");
}

TEST_F(FinetuneResume, AFinishedRunIsNotTrainedAgain) {
  ASSERT_EQ(finetune(arguments(), "whole").status, 0);
  ASSERT_EQ(finetune(arguments(), "again").status, 0);
  const std::string before = read_bytes(file("again/metrics.jsonl"));
  // Only what is missing is made: the test, from the weights that are there.
  fs::remove_all(file("again/test"));
  const auto result = finetune(arguments(), "again");
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("finished already"));
  EXPECT_THAT(result.output,
              HasSubstr("validation/summary.json is there already"));
  EXPECT_EQ(read_bytes(file("again/metrics.jsonl")), before);
  expect_same("again");
  // And its numbers are told again.
  const auto told = finetune(arguments(), "again");
  EXPECT_THAT(told.output, HasSubstr("test/summary.json is there already"));
  EXPECT_THAT(told.output, ContainsRegex("test +dice +0\\.[0-9]+"));
}

TEST_F(FinetuneResume, OtherSettingsAndOtherCasesAreRefused) {
  ASSERT_EQ(finetune(arguments("run.time_limit=0.001"), "run").status, 75);
  const std::string before = read_bytes(file("run/metrics.jsonl"));
  auto result =
      finetune(arguments("optimizer.lr=1 validation.patience=2"
                         " data.workers=0 'task.classes=[a, b]'"));
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.output, HasSubstr("optimizer.lr: 0.01 -> 1"));
  EXPECT_THAT(result.output, HasSubstr("task.classes"));
  EXPECT_THAT(result.output, ::testing::Not(HasSubstr("patience")));
  EXPECT_THAT(result.output, ::testing::Not(HasSubstr("workers")));
  result = finetune(arguments("--resume never"));
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.output, HasSubstr("holds a run already"));
  // A label map that has changed since.
  image("train0_label.png", 255 * box({64, 72}));
  result = finetune(arguments());
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.output, HasSubstr("the files are not those"));
  EXPECT_EQ(read_bytes(file("run/metrics.jsonl")), before);
}

TEST_F(FinetuneResume, WithoutProgressItEndsEarlyAndStaysEnded) {
  // Nothing is learnt, so no validation is better than the first.
  const std::string still =
      arguments("optimizer.lr=1e-30 validation.patience=2 run.epochs=9");
  for (int start = 0; start < 2; ++start) {
    const auto result = finetune(still);
    ASSERT_EQ(result.status, 0) << result.output;
    EXPECT_THAT(result.output, HasSubstr("stopped early"));
    EXPECT_EQ(numbers("run").back()["step"], 9);  // of 27, after 3 validations
  }
}

}  // namespace
}  // namespace unimiss
