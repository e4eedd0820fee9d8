// What a configuration can get wrong, and what the user is told: the place, the
// key and the remedy of everything that is at fault, in the order of the file.
#include "unimiss/pretrain/config_file.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::pretrain {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// One line of the message: "<place>: <key>: ...part...". A place that begins
/// with a digit is one of run.yaml; "" is run.yaml as a whole.
struct Line {
  std::string place, key, part;
};

struct Case {
  std::string text;
  std::vector<Line> lines;
};

/// run.yaml, which extends base.yaml, a configuration that can be run.
class ConfigFile : public ::testing::Test {
 protected:
  ConfigFile() {
    unsetenv("UNIMISS_UNSET");
    for (const char* list : {"images.txt", "volumes.txt"}) {
      unimiss::testing::write_bytes(folder_.file(list), "");
    }
    unimiss::testing::write_bytes(
        folder_.file("base.yaml"),
        "data:\n  images: " + folder_.file("images.txt") +
            "\n  volumes: " + folder_.file("volumes.txt") + "\n");
  }

  /// The lines of the error that reading run.yaml ends with.
  std::vector<std::string> errors_of(
      const std::string& text, const std::vector<std::string>& overrides) {
    unimiss::testing::write_bytes(folder_.file("run.yaml"), text);
    std::vector<std::string> lines;
    const std::string error = unimiss::testing::error_text<ConfigError>(
        [&] { read_config(folder_.file("run.yaml"), overrides); });
    if (error == "no error") return {};
    std::istringstream message(error);
    for (std::string line; std::getline(message, line);) {
      lines.push_back(line.substr(line.starts_with("  ") ? 2 : 0));
    }
    if (lines.size() > 1) {
      EXPECT_EQ(lines[0], std::to_string(lines.size() - 1) +
                              " problems in the configuration:");
      lines.erase(lines.begin());
    }
    return lines;
  }

  void expect_lines(const std::vector<std::string>& lines,
                    const std::vector<Line>& expected,
                    const std::string& what) {
    EXPECT_EQ(lines.size(), expected.size()) << what << "\n"
                                             << ::testing::PrintToString(lines);
    for (size_t i = 0; i < std::min(lines.size(), expected.size()); ++i) {
      const Line& line = expected[i];
      std::string place = line.place;
      if (place.empty() || std::isdigit(place[0])) {
        place = folder_.file("run.yaml") + (place.empty() ? "" : ":") + place;
      } else if (place.starts_with("base.yaml")) {
        place = folder_.file(place);
      }
      const std::string key = line.key.empty() ? "" : line.key + ": ";
      EXPECT_THAT(lines[i], StartsWith(place + ": " + key)) << what;
      EXPECT_THAT(lines[i], HasSubstr(line.part)) << what;
    }
  }

  /// The texts follow the line `extends: base.yaml`, so that they begin at 2.
  void expect_errors(const std::vector<Case>& cases) {
    for (const Case& bad : cases) {
      expect_lines(errors_of("extends: base.yaml\n" + bad.text, {}), bad.lines,
                   bad.text);
    }
  }
  void expect_override_errors(const std::vector<Case>& cases) {
    for (const Case& bad : cases) {
      expect_lines(errors_of("extends: base.yaml\n", {bad.text}), bad.lines,
                   bad.text);
    }
  }
  void expect_file_errors(const std::vector<Case>& cases) {
    for (const Case& bad : cases) {
      expect_lines(errors_of(bad.text, {}), bad.lines, bad.text);
    }
  }

  unimiss::testing::TemporaryDirectory folder_;
};

TEST_F(ConfigFile, TheConfigurationTheyAreMadeOfIsGood) {
  expect_errors({{"", {}}});
}

TEST_F(ConfigFile, UnknownKeys) {
  expect_errors({
      {"optimzer: {lr: 1}", {{"2:1", "optimzer", "mean 'optimizer'?"}}},
      {"run: {epoch: 3}", {{"2:7", "run.epoch", "mean 'epochs'?"}}},
      {"model:\n  image_sise: 64",
       {{"3:3", "model.image_sise", "mean 'image_size'?"}}},
      {"head: {prototype: 9}", {{"2:8", "head.prototype", "'prototypes'"}}},
      {"loss: {center_rul: a}", {{"2:8", "loss.center_rul", "'center_rule'"}}},
      {"schedule: {units: step}", {{"2:12", "schedule.units", "'unit'"}}},
      {"optimizer: {LR: 1}", {{"2:13", "optimizer.LR", "'lr'"}}},
      {"data: {workrs: 1}", {{"2:8", "data.workrs", "'workers'"}}},
      {"data: {image_transforms: {hues: 1}}",
       {{"2:27", "data.image_transforms.hues", "'hue'"}}},
      {"data: {volume_transforms: {gama: [1, 1]}}",
       {{"2:28", "data.volume_transforms.gama", "'gamma'"}}},
      {"wholly_different: 1",
       {{"2:1", "wholly_different", "choose from: run, init, model, head"}}},
  });
}

TEST_F(ConfigFile, WrongTypes) {
  expect_errors({
      {"run: 3", {{"2:6", "run", "a group of keys, is a single value"}}},
      {"run: {epochs: 1e3}", {{"2:15", "run.epochs", "integer in digits"}}},
      {"run: {epochs: 1.5}", {{"2:15", "run.epochs", "is '1.5'"}}},
      {"run: {epochs: 12 GB}", {{"2:15", "run.epochs", "is '12 GB'"}}},
      {"run: {seed: '7'}", {{"2:13", "run.seed", "remove the quotes"}}},
      {"run: {output: [a]}", {{"2:15", "run.output", "text, is a list"}}},
      {"run:\n  output:", {{"3:3", "run.output", "write \"\""}}},
      {"run: {device: gpu}", {{"2:15", "run.device", "auto, cpu, cuda"}}},
      {"loss: {preset: papr}", {{"2:16", "loss.preset", "mean 'paper'?"}}},
      {"loss: {volume_slice: yes}", {{"2:22", "loss.volume_slice", "on, off"}}},
      {"model: {volume_size: [16, 96]}",
       {{"2:22", "model.volume_size", "needs 3 values, has 2"}}},
      {"model: {volume_size: [16, x, 96]}",
       {{"2:27", "model.volume_size[1]", "an integer"}}},
      {"model: {widths: [48, 128, wide, 512]}",
       {{"2:27", "model.widths[2]", "an integer"}}},
      {"optimizer: {lr: fast}", {{"2:17", "optimizer.lr", "is 'fast'"}}},
      {"optimizer: {lr: 1e999}", {{"2:17", "optimizer.lr", "range"}}},
      {"data: {images: {a: b}}", {{"2:16", "data.images", "a list"}}},
      {"data: {image_transforms: {order: [blur, fog]}}",
       {{"2:41", "data.image_transforms.order[1]", "jitter, grey, blur"}}},
      {"data: {cache: '${UNIMISS_UNSET}/x'}",
       {{"2:15", "data.cache", "'UNIMISS_UNSET' in"}}},
      {"data: {cache: '${OPEN'}", {{"2:15", "data.cache", "closing brace"}}},
  });
}

TEST_F(ConfigFile, RangesOfRunModelAndHead) {
  expect_errors({
      {"run: {output: ''}", {{"2:15", "run.output", "must name a folder"}}},
      {"run: {threads: -1}", {{"2:16", "run.threads", "in [0, 1024] (is -1)"}}},
      {"run: {max_steps: -1}", {{"2:18", "run.max_steps", "[0, 1000000000]"}}},
      {"run: {epochs: 0}",
       {{"2:15", "run.epochs", "in [1, 1000000000] (is 0)"}}},
      {"model: {image_size: 32}",
       {{"2:21", "model.image_size", "in [64, 65536] (is 32)"}}},
      {"model: {volume_size: [16, 32, 96]}",
       {{"2:27", "model.volume_size[1]", "in [64, 65536] (is 32)"}}},
      {"model: {widths: [48, 128]}",
       {{"2:17", "model.widths", "needs 4 values, one per stage (has 2)"}}},
      {"model: {encoder_depths: [1, 0, 1, 1]}",
       {{"2:29", "model.encoder_depths[1]", "(is 0)"}}},
      {"model: {drop_path: 1}",
       {{"2:20", "model.drop_path", "must be in [0, 1) (is 1)"}}},
      {"model: {mlp_ratio: 0}", {{"2:20", "model.mlp_ratio", "[1, 65536]"}}},
      {"head: {prototypes: 1}",
       {{"2:20", "head.prototypes", "at least 2 (is 1)"}}},
      {"head: {hidden: 0}", {{"2:16", "head.hidden", "at least 1 (is 0)"}}},
  });
}

TEST_F(ConfigFile, RangesOfLossScheduleAndOptimizer) {
  expect_errors({
      {"loss: {student_temperature: 0}",
       {{"2:29", "loss.student_temperature", "greater than 0 (is 0)"}}},
      {"loss: {center_momentum: 1}",
       {{"2:25", "loss.center_momentum", "in [0, 1) (is 1)"}}},
      {"schedule: {interval: 0}",
       {{"2:22", "schedule.interval", "at least 1 (is 0)"}}},
      {"schedule: {teacher_momentum: 1.5}",
       {{"2:30", "schedule.teacher_momentum", "in [0, 1] (is 1.5)"}}},
      {"schedule: {weight_decay: .inf}",
       {{"2:26", "schedule.weight_decay", "(is inf)"}}},
      {"optimizer: {lr: 0}", {{"2:17", "optimizer.lr", "greater than 0"}}},
      {"optimizer: {beta2: 1.0}", {{"2:20", "optimizer.beta2", "in [0, 1)"}}},
      {"optimizer: {clip: -0.5}",
       {{"2:19", "optimizer.clip", "(is -0.5); write 0 for no clipping"}}},
  });
}

TEST_F(ConfigFile, RangesOfData) {
  expect_errors({
      {"data: {batch_size_2d: 0}",
       {{"2:23", "data.batch_size_2d", "in [1, 1000000000] (is 0)"}}},
      {"data: {workers: 5000}", {{"2:17", "data.workers", "[0, 1024]"}}},
      {"data: {queue_batches: 0}", {{"2:23", "data.queue_batches", "[1,"}}},
      {"data: {spacing: [3, 0, 1]}",
       {{"2:21", "data.spacing[1]", "greater than 0 (is 0)"}}},
      {"data: {cache_gib: 0}", {{"2:19", "data.cache_gib", "no limit"}}},
      {"data: {max_bad: -1}", {{"2:17", "data.max_bad", "at least 0"}}},
      {"data: {image_transforms: {crop_scale: [0.5, 2]}}",
       {{"2:45", "data.image_transforms.crop_scale[1]", "in (0, 1] (is 2)"}}},
      {"data: {image_transforms: {crop_scale: [0.5, 0.2]}}",
       {{"2:39", "data.image_transforms.crop_scale", "(is [0.5, 0.2]); swap"}}},
      {"data: {image_transforms: {order: [blur, blur]}}",
       {{"2:41", "data.image_transforms.order[1]", "same as item [0]"}}},
      {"data: {volume_transforms: {gamma: [1.1, 1.5]}}",
       {{"2:36", "data.volume_transforms.gamma[0]", "in (0, 1] (is 1.1)"}}},
      {"data: {volume_transforms: {blur_probability: -1}}",
       {{"2:46", "data.volume_transforms.blur_probability", "in [0, 1]"}}},
  });
}

TEST_F(ConfigFile, ImpossibleCombinations) {
  expect_errors({
      {"run: {precision: fp16, device: cpu}",
       {{"2:18", "run.precision", "fp16 needs a GPU"}}},
      {"run: {epochs: 5}",
       {{"", "schedule.warmup_epochs",
         "less than 5, run.epochs (is 10); not written"}}},
      {"schedule: {interval: 1}\nrun: {epochs: 5}",
       {{"2:1", "schedule.warmup_epochs", "this is the default"}}},
      {"model: {encoder_heads: [1, 2, 3, 8]}",
       {{"2:31", "model.encoder_heads[2]", "must divide 256"}}},
      {"model: {encoder_reductions: [99, 4, 2, 1]}",
       {{"2:30", "model.encoder_reductions[0]", "must be at most 56"}}},
      {"model: {volume_size: [32, 96, 96]}",
       {{"base.yaml:1:1", "data.volume_transforms.common_depth",
         "at least 32, the depth of a view (is 24)"}}},
      {"model: {image_channels: 1}",
       {{"2:25", "model.image_channels", "must be 3"}}},
      {"model: {dimensions: 2d}",
       {{"2:21", "model.dimensions", "2d takes no volumes"}}},
      {"model: {dimensions: 3d}\ndata: {images: []}",
       {{"", "loss.volume_slice", "on needs a network that takes slices"}}},
      {"data: {image_weights: [1, 2]}",
       {{"2:23", "data.image_weights", "(has 2 for 1)"}}},
      {"data: {images: [], volumes: ~}",
       {{"2:16", "data.images", "there is nothing to train on"}}},
  });
  expect_file_errors({{"", {{"", "data.images", "nothing to train on"}}}});
}

TEST_F(ConfigFile, ListsThatAreMissing) {
  const std::string good = folder_.file("images.txt");
  expect_errors({
      {"data: {images: nowhere.txt}",
       {{"2:16", "data.images[0]", "there is no file 'nowhere.txt'"}}},
      {"data:\n  images:\n  - " + good + "\n  - nowhere.txt\n  volumes: /tmp",
       {{"5:5", "data.images[1]", "there is no file 'nowhere.txt'"},
        {"6:12", "data.volumes[0]", "'/tmp' is a folder"}}},
  });
  // Of a saved configuration, whose lists may be gone.
  EXPECT_EQ(
      read_config_text("data: {images: nowhere}\n", "saved").data.images[0],
      "nowhere");
}

TEST_F(ConfigFile, TextThatCannotBeTakenApart) {
  unimiss::testing::write_bytes(folder_.file("circle.yaml"),
                                "extends: run.yaml\n");
  expect_file_errors({
      {"run: [1, 2\n", {{"2:1", "not valid YAML", ""}}},
      {"run:\n\tseed: 1\n", {{"2:1", "", "a tab indents this line"}}},
      {"run: {seed: 1}\n---\nrun: {}\n", {{"2:1", "", "second YAML document"}}},
      {"- a\n- b\n", {{"1:1", "", "`key: value` lines"}}},
      {"extends: none.yaml\n", {{"1:10", "extends", "there is no file"}}},
      {"extends: [a, b]\n", {{"1:10", "extends", "one other YAML file"}}},
      {"extends: ${UNIMISS_UNSET}/a.yaml\n", {{"1:10", "extends", "not set"}}},
      {"run: *nowhere\n", {{"1:6", "not valid YAML", ""}}},
  });
  EXPECT_THAT(errors_of("extends: circle.yaml\n", {}),
              ::testing::ElementsAre(HasSubstr("in a circle")));
  EXPECT_THROW(read_config(folder_.file("none.yaml"), {}), ConfigError);
}

TEST_F(ConfigFile, KeysWrittenTwice) {
  expect_errors({
      {"run: {seed: 1}\nrun: {seed: 2}", {{"3:1", "run", "written twice"}}},
      {"run:\n  seed: 1\n  seed: 2", {{"4:3", "run.seed", "written twice"}}},
      {"extends: other.yaml", {{"2:1", "extends", "written twice"}}},
  });
}

TEST_F(ConfigFile, Overrides) {
  const std::string place = "command line";
  expect_override_errors({
      {"run.epochs", {{place, "", "'run.epochs' is not an override"}}},
      {"=3", {{place, "", "'=3' is not an override; write"}}},
      {"run..epochs=3", {{place, "", "write group.key=value"}}},
      {"data.images.x=3", {{place, "data.images.x", "is a value, not a"}}},
      {"model.widths=[1, 2", {{place, "not valid YAML", "in quotes"}}},
      {"optimzer.lr=1", {{place, "optimzer", "mean 'optimizer'?"}}},
      {"optimizer.lr=fast", {{place, "optimizer.lr", "is 'fast'"}}},
      {"optimizer.lr=0", {{place, "optimizer.lr", "greater than 0 (is 0)"}}},
      {"run.output=\"\"", {{place, "run.output", "must name a folder"}}},
      {"data.images=[nowhere.txt]",
       {{place, "data.images[0]", "there is no file"}}},
  });
}

TEST_F(ConfigFile, EverythingIsToldAtOnceInTheOrderOfTheFile) {
  unimiss::testing::write_bytes(folder_.file("middle.yaml"),
                                "extends: base.yaml\nhead: {hidden: 0}\n");
  const std::vector<std::string> lines = errors_of(
      "extends: middle.yaml\n"
      "optimizer: {lr: -1, beta1: x}\n"
      "data:\n"
      "  images: [nowhere.txt, [b]]\n"
      "  batch_size_2d: 0\n"
      "run: {epochs: many, sed: 1}\n"
      "model:\n"
      "  widths: [48, 128, 256, 0]\n"
      "  widths: [1]\n"
      "  drop_path: 2\n"
      "  volume_size: [32, 96, 96]\n",
      {"schedule.interval=0", "nonsense"});
  expect_lines(lines,
               {{"2:17", "optimizer.lr", "greater than 0"},
                {"2:28", "optimizer.beta1", "a number"},
                // Not written: the place of the group it belongs to.
                {"3:1", "data.volume_transforms.common_depth", "the default"},
                {"4:12", "data.images[0]", "there is no file"},
                {"4:25", "data.images[1]", "needs text, is a list"},
                {"5:18", "data.batch_size_2d", "(is 0)"},
                {"6:15", "run.epochs", "is 'many'"},
                {"6:21", "run.sed", "mean 'seed'?"},
                {"9:3", "model.widths", "written twice"},
                {"10:14", "model.drop_path", "in [0, 1)"},
                {folder_.file("middle.yaml") + ":2:16", "head.hidden", "(is 0"},
                {"command line", "", "'nonsense' is not an override"},
                {"command line", "schedule.interval", "at least 1 (is 0)"}},
               "everything");
}

TEST_F(ConfigFile, AKeyIsReportedOnce) {
  expect_errors({
      // Heads, reductions and weights would each have more to say.
      {"model: {widths: [0, 0, 0, 0]}",
       {{"2:18", "model.widths[0]", "(is 0)"},
        {"2:21", "model.widths[1]", "(is 0)"},
        {"2:24", "model.widths[2]", "(is 0)"},
        {"2:27", "model.widths[3]", "(is 0)"}}},
      {"model: {volume_size: [-1, 96, 96]}",
       {{"2:23", "model.volume_size[0]", "(is -1)"}}},
      {"model: {dimensions: 4d}", {{"2:21", "model.dimensions", "both, 2d"}}},
      {"run: {epochs: 0}", {{"2:15", "run.epochs", "(is 0)"}}},
      {"data: 3", {{"2:7", "data", "a group of keys"}}},
  });
}

TEST_F(ConfigFile, KeysAreReadByTheirEarlierNames) {
  unimiss::testing::write_bytes(folder_.file("run.yaml"),
                                "extends: base.yaml\n"
                                "schedule: {momentum: 0.5}\n");
  std::vector<std::string> warnings;
  const PretrainConfig config =
      read_config(folder_.file("run.yaml"), {},
                  [&](std::string_view line) { warnings.emplace_back(line); });
  EXPECT_EQ(config.schedule.teacher_momentum, 0.5);
  EXPECT_THAT(warnings, ::testing::ElementsAre(
                            HasSubstr("run.yaml:2:12: schedule.momentum is now "
                                      "called schedule.teacher_momentum")));
  EXPECT_EQ(read_config_text("schedule: {momentum: 0.5}", "saved")
                .schedule.teacher_momentum,
            0.5);
}

TEST_F(ConfigFile, FieldsTellWhatMayChangeInARun) {
  PretrainConfig before, now;
  now.run.epochs = 9;
  now.run.device = DeviceChoice::kCpu;
  now.init.weights = "weights";
  now.schedule.teacher_momentum = 0.5;
  now.data.images = {"images.txt"};
  std::vector<std::pair<std::string, Change>> changes;
  for (const auto& difference : config::compare(before, now)) {
    changes.emplace_back(difference.key, difference.change);
  }
  EXPECT_THAT(changes,
              ::testing::ElementsAre(
                  std::pair("run.device", Change::kFree),
                  std::pair("run.epochs", Change::kLength),
                  std::pair("init.weights", Change::kFree),
                  std::pair("schedule.teacher_momentum", Change::kNever),
                  std::pair("data.images", Change::kFree)));
}

}  // namespace
}  // namespace unimiss::pretrain
