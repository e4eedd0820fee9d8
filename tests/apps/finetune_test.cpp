// Fine-tunings of every kind from lists to results, by the program itself.
#include <gmock/gmock.h>

#include <filesystem>
#include <set>

#include "apps/toy_finetuning.h"
#include "unimiss/io/tensor_archive.h"

namespace unimiss {
namespace {

namespace fs = std::filesystem;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using Json = nlohmann::json;
using testing::read_bytes;

/// 2 |a and b| / (|a| + |b|) of two masks.
double dice(const torch::Tensor& a, const torch::Tensor& b) {
  return 2 * (a & b).sum().item<double>() / (a.sum() + b.sum()).item<double>();
}

class Finetune : public testing::ToyFinetuning {
 protected:
  /// What every run leaves, and that its records are those of `steps` steps.
  void expect_whole_folder(size_t steps) const {
    for (const char* name :
         {"config.yaml", "manifest.json", "splits.json", "log.txt",
          "progress.png", "export/best.safetensors", "export/last.safetensors",
          "export/last_average.safetensors", "validation/summary.json",
          "test/summary.json"}) {
      EXPECT_TRUE(exists(std::string("run/") + name)) << name;
    }
    size_t trained = 0, validated = 0;
    for (const Json& record : metrics()) {
      if (record["phase"] == "validation") {
        ++validated;
        continue;
      }
      EXPECT_EQ(record["step"], ++trained);
      for (const char* number : {"loss", "lr", "grad_norm", "seconds"}) {
        EXPECT_TRUE(record[number].is_number()) << number;
      }
    }
    EXPECT_EQ(trained, steps);
    EXPECT_EQ(validated, 2u);  // of two epochs
    const Json split = json("run/splits.json");
    std::set<std::string> ids;
    size_t count = 0;
    for (const char* part : {"train", "val", "test"}) {
      EXPECT_FALSE(split[0][part].empty()) << part;
      for (const Json& id : split[0][part]) ids.insert(id.get<std::string>());
      count += split[0][part].size();
    }
    EXPECT_EQ(ids.size(), count);
  }

  /// The Dice coefficients of test/summary.json are those of the predictions
  /// that were saved. masks: of a case's file, one for each key.
  template <class Masks>
  void expect_dice(const std::vector<std::string>& keys, size_t cases,
                   const Masks& masks) const {
    const Json summary = json("run/test/summary.json");
    ASSERT_EQ(summary["metric_per_case"].size(), cases);
    for (const auto& key : keys) {
      double sum = 0;
      for (const Json& each : summary["metric_per_case"]) {
        const auto [predicted, reference] =
            masks(each["prediction_file"].get<std::string>(),
                  each["reference_file"].get<std::string>(), key);
        const double found = each["metrics"][key]["Dice"];
        EXPECT_NEAR(found, dice(predicted, reference), 1e-9) << key;
        EXPECT_EQ(each["metrics"][key]["n_ref"],
                  reference.sum().template item<int64_t>());
        sum += found;
      }
      EXPECT_NEAR(summary["mean"][key]["Dice"],
                  sum / static_cast<double>(cases), 1e-9);
    }
    double mean = 0;
    for (const auto& key : keys) {
      mean += summary["mean"][key]["Dice"].get<double>();
    }
    EXPECT_NEAR(summary["foreground_mean"]["Dice"],
                mean / static_cast<double>(keys.size()), 1e-9);
  }

  std::string list_of_images() const {
    for (const char* name : {"a.png", "b.png"}) {
      image(name, at::randint(256, {80, 90}));
    }
    testing::write_bytes(file("images.txt"), "a.png\nb.png\n");
    return file("images.txt");
  }

  void expect_confusion(const Json& summary, int64_t cases) const {
    ASSERT_EQ(summary["confusion_matrix"].size(), 2u);
    int64_t all = 0, right = 0;
    for (size_t i = 0; i < 2; ++i) {
      ASSERT_EQ(summary["confusion_matrix"][i].size(), 2u);
      for (const int64_t count : summary["confusion_matrix"][i]) all += count;
      right += summary["confusion_matrix"][i][i].get<int64_t>();
    }
    EXPECT_EQ(all, cases);
    EXPECT_NEAR(summary["accuracy"],
                static_cast<double>(right) / static_cast<double>(cases), 1e-9);
  }
};

TEST_F(Finetune, SegmentsVolumes) {
  label_maps("train", 5);
  label_maps("test", 2);
  const auto result = finetune(
      "'task.classes=[background, rim, core]'"
      " data.train=" +
      file("train.txt") + " data.test=" + file("test.txt"));
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("Fine-tuning finished: 4 of 4 steps"));
  EXPECT_THAT(result.output, HasSubstr("dice_core"));
  expect_whole_folder(4);  // 4 cases, one is validated on; 2 steps an epoch
  const auto masks = [](const std::string& predicted,
                        const std::string& reference, const std::string& key) {
    const io::Volume found = io::read_volume(predicted);
    const io::Volume truth = io::read_volume(reference);
    // In the case's own geometry.
    EXPECT_EQ(found.voxels.sizes(), truth.voxels.sizes());
    EXPECT_EQ(found.spacing, truth.spacing);
    return std::pair{found.voxels.eq(std::stoi(key)),
                     truth.voxels.eq(std::stoi(key))};
  };
  expect_dice({"1", "2"}, 2, masks);
  EXPECT_EQ(json("run/test/summary.json")["classes"],
            (Json{{"1", "rim"}, {"2", "core"}}));
  const auto weights = io::load_tensors(file("run/export/best.safetensors"));
  EXPECT_GT(weights.size(), 50u);
}

TEST_F(Finetune, SegmentsOverlappingStructuresOfImages) {
  for (const std::string list : {"train", "test"}) {
    std::string lines = "image,label\n";
    for (int i = 0; i < 4; ++i) {
      const std::string name = list + std::to_string(i);
      const torch::Tensor a = box({70, 90}), b = box({70, 90});
      image(name + ".png", image_of(a + b, 100));
      image(name + "_a.png", 255 * a);
      image(name + "_b.png", b);
      lines += joined({name, ".png,", name, "_a.png|", name, "_b.png\n"});
    }
    testing::write_bytes(file(list + ".csv"), lines);
  }
  const auto result = finetune(
      "model.dimensions=2d model.image_channels=1 data.size=[64,64]"
      " task.target=structures 'task.classes=[first, second]'"
      " data.normalization.rule=unit data.train=" +
      file("train.csv") + " data.test=" + file("test.csv"));
  ASSERT_EQ(result.status, 0) << result.output;
  expect_whole_folder(4);
  const auto masks = [](const std::string& predicted,
                        const std::string& reference, const std::string& key) {
    // Both are named by the mask of the first structure.
    std::string found = predicted;
    const std::string first = "/first/";
    if (key == "1") {
      found.replace(found.rfind(first), first.size(), "/second/");
    }
    const torch::Tensor pixels = io::read_pixels(found)[0];
    EXPECT_EQ(pixels.sizes(), at::IntArrayRef({70, 90}));
    const std::string name = reference.substr(0, reference.rfind("_a.png"));
    return std::pair{
        pixels.eq(255),
        io::read_pixels(name + (key == "0" ? "_a.png" : "_b.png"))[0].ne(0)};
  };
  expect_dice({"0", "1"}, 4, masks);
}

TEST_F(Finetune, LearnsToTellClassesOfImagesApart) {
  for (const std::string list : {"train", "val", "test"}) {
    std::string lines;
    for (int i = 0; i < 8; ++i) {
      const std::string name = list + std::to_string(i) + ".png";
      const torch::Tensor map = box({64, 64}).expand({3, -1, -1});
      image(name, i % 2 == 0 ? image_of(map, 40) : 235 - image_of(map, 40));
      lines += name + (i % 2 == 0 ? " dark\n" : " 1\n");
    }
    testing::write_bytes(file(list + ".txt"), lines);
  }
  const auto result = finetune(
      "model.dimensions=2d task.target=class 'task.classes=[dark, bright]'"
      " data.normalization.rule=unit data.batch_size=4 run.epochs=10"
      " validation.every_epochs=5 data.train=" +
      file("train.txt") + " data.validation_lists=" + file("val.txt") +
      " data.test=" + file("test.txt"));
  ASSERT_EQ(result.status, 0) << result.output;
  expect_whole_folder(20);
  const Json summary = json("run/test/summary.json");
  // Dark and bright images: whoever learns anything learns this.
  EXPECT_EQ(summary["AUC"], 1.0);
  expect_confusion(summary, 8);
  ASSERT_EQ(summary["metric_per_case"].size(), 8u);
  for (const Json& each : summary["metric_per_case"]) {
    const std::vector<double> p = each["probabilities"];
    ASSERT_EQ(p.size(), 2u);
    EXPECT_NEAR(p[0] + p[1], 1, 1e-5);
  }
  EXPECT_EQ(json("run/splits.json")[0]["val"].size(), 8u);
}

TEST_F(Finetune, FindsAnyNumberOfClassesInVolumes) {
  for (const std::string list : {"train", "test"}) {
    std::string lines = "image,label,patient\n";
    const char* labels[] = {"", "left", "right", "left|right|both"};
    for (int i = 0; i < 8; ++i) {
      const std::string name = list + std::to_string(i) + ".nii.gz";
      volume(name, image_of(box({14, 60, 70}), 10 * i));
      lines += joined(
          {name, ",", labels[i % 4], ",", list, std::to_string(i / 2), "\n"});
    }
    testing::write_bytes(file(list + ".csv"), lines);
  }
  const auto result = finetune(
      "task.target=classes 'task.classes=[left, right, both]'"
      " classifier.rule=class_token data.train=" +
      file("train.csv") + " data.test=" + file("test.csv"));
  ASSERT_EQ(result.status, 0) << result.output;
  const Json summary = json("run/test/summary.json");
  EXPECT_TRUE(summary["AUC"].is_number());
  EXPECT_TRUE(summary["accuracy"].is_number());
  ASSERT_EQ(summary["metric_per_case"].size(), 8u);
  EXPECT_EQ(summary["metric_per_case"][3]["labels"], (Json{0, 1, 2}));
  EXPECT_TRUE(summary["metric_per_case"][0]["labels"].empty());
  EXPECT_EQ(summary["AUC_per_class"].size(), 3u);
  // Both scans of a patient go the same way.
  for (const char* part : {"train", "val"}) {
    for (const Json& id : json("run/splits.json")[0][part]) {
      const std::string name = id;
      const int number = name.back() - '0';
      const std::string other = "train" + std::to_string(number ^ 1);
      EXPECT_THAT(json("run/splits.json")[0][part], ::testing::Contains(other));
    }
  }
}

TEST_F(Finetune, ReadsAFolderInTheLayoutOfNnunet) {
  for (const char* folder : {"imagesTr", "labelsTr", "imagesTs", "labelsTs"}) {
    fs::create_directories(file(std::string("set/") + folder));
  }
  testing::write_bytes(file("set/dataset.json"), R"({
    "channel_names": {"0": "T1", "1": "T2"}, "numTraining": 5,
    "labels": {"background": 0, "tumour": 1}, "file_ending": ".nii.gz"})");
  for (int i = 0; i < 7; ++i) {
    const std::string part = i < 5 ? "Tr/" : "Ts/";
    const std::string name = part + "brain_" + std::to_string(i);
    const torch::Tensor map = box({14, 60, 70});
    volume("set/labels" + name + ".nii.gz", map);
    volume("set/images" + name + "_0000.nii.gz", image_of(map, 100));
    volume("set/images" + name + "_0001.nii.gz", image_of(map, -50));
  }
  const auto result =
      finetune("data.dataset=" + file("set") +
               " data.modalities=2 model.volume_channels=2 data.seed=1");
  ASSERT_EQ(result.status, 0) << result.output;
  expect_whole_folder(4);
  const Json summary = json("run/test/summary.json");
  EXPECT_EQ(summary["metric_per_case"].size(), 2u);
  EXPECT_EQ(summary["classes"], (Json{{"1", "tumour"}}));
  EXPECT_TRUE(exists("run/test/predictions/brain_5.nii.gz"));
  // The next run takes over the split.
  const auto again =
      finetune("data.dataset=" + file("set") +
                   " data.modalities=2 model.volume_channels=2 data.seed=2"
                   " data.splits=" +
                   file("run/splits.json"),
               "again");
  ASSERT_EQ(again.status, 0) << again.output;
  EXPECT_EQ(json("again/splits.json"), json("run/splits.json"));
}

TEST_F(Finetune, StartsFromAPretraining) {
  label_maps("train", 4);
  const auto trained = pretrain("pretrained");
  ASSERT_EQ(trained.status, 0) << trained.output;
  const std::string task =
      "init.from_scratch=false 'task.classes=[background, rim, core]'"
      " run.max_steps=1 model.volume_size=[16,64,96] data.train=" +
      file("train.txt") + " ";
  const auto result = finetune(task + "init.weights=" + file("pretrained"));
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output,
              ContainsRegex("weights of .*student.safetensors: [0-9]+ tensors "
                            "loaded, [1-9][0-9]* resampled, 0 missing"));
  EXPECT_THAT(result.output, HasSubstr("100.0 % of the backbone"));
  EXPECT_THAT(read_bytes(file("run/log.txt")), HasSubstr("weights: loaded"));
  // The other network, and the twin run, start elsewhere.
  ASSERT_EQ(
      finetune(task + "init.network=teacher init.weights=" + file("pretrained"),
               "teacher")
          .status,
      0);
  ASSERT_EQ(finetune(task + "init.from_scratch=true init.weights=" +
                         file("pretrained"),
                     "twin")
                .status,
            0);
  const double student = metrics("run")[0]["loss"];
  EXPECT_NE(student, metrics("teacher")[0]["loss"].get<double>());
  EXPECT_NE(student, metrics("twin")[0]["loss"].get<double>());

  // Those of another network, and those that hold too little of this one.
  ASSERT_EQ(pretrain("wide", " model.widths=[8,8,32,16]").status, 0);
  const auto wide = finetune(task + "init.weights=" + file("wide"), "bad");
  EXPECT_EQ(wide.status, 2) << wide.output;
  EXPECT_THAT(wide.output, HasSubstr("does not fit this network"));
  ASSERT_EQ(
      pretrain("flat", " model.dimensions=2d 'data.volumes=\"\"' data.images=" +
                           list_of_images())
          .status,
      0);
  const auto flat = finetune(task + "init.weights=" + file("flat"), "bad");
  EXPECT_EQ(flat.status, 2) << flat.output;
  EXPECT_THAT(flat.output, HasSubstr("init.min_coverage"));
  EXPECT_FALSE(exists("bad"));
}

TEST_F(Finetune, ADryRunLeavesOutWhatTheRunWould) {
  label_maps("train", 3);
  volume("train0_label.nii.gz", 7 * box({14, 60, 70}));
  const std::string task =
      "--dry-run --no-steps 'task.classes=[background, rim, core]'"
      " data.validation_share=0 data.train=" +
      file("train.txt");
  const auto refused = finetune(task, "runs/new");
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.output, HasSubstr("holds the label 7"));
  const auto result =
      finetune(task + " data.on_error=skip data.max_bad=1", "runs/new");
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("left out: "));
  EXPECT_TRUE(exists("runs/new-dry-run.png"));
  EXPECT_FALSE(exists("runs/new"));
}

}  // namespace
}  // namespace unimiss
