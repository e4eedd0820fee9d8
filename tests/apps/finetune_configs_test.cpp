// Every shipped configuration of a fine-tuning, on generated data of its task:
// as many channels, classes and masks, in the form of list that it describes.
#include <gmock/gmock.h>
#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "apps/toy_finetuning.h"

namespace unimiss {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

/// What the label of a case is.
enum class Label { kMap, kMasks, kClass };

struct Task {
  const char* name;
  int rank;
  int64_t channels;  ///< of an image's file
  Label label;
  /// Of a label map, its values; else 0 to the number of classes - 1.
  std::vector<int64_t> values;
  /// Where the configuration looks for its lists in UNIMISS_SAMPLE; empty: it
  /// leaves them to the user.
  const char* sample;
  bool patients;  ///< whether its list is a CSV with a column for them
  bool sided;     ///< whether there are classes of the left or the right
  std::vector<const char*> plan;
};

std::vector<int64_t> up_to(int64_t count) {
  std::vector<int64_t> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(i);
  return values;
}

std::vector<Task> tasks() {
  return {
      {"bcv",
       3,
       1,
       Label::kMap,
       up_to(14),
       "",
       false,
       true,
       {"MiT small (3d)", "label_map of 14: background, spleen, right kidney, ",
        ", inferior vena cava, portal vein and splenic vein, pancreas, ",
        "right adrenal gland, left adrenal gland",
        "4 to train of 4 listed, 0 to validate, 2 to test",
        "patch 48 x 192 x 192",
        "25000 in all, 250 an epoch, 100.0 epochs, batch 2",
        "adamw, peak 0.0001, poly"}},
      {"chaos",
       3,
       1,
       Label::kMap,
       {0, 63, 126, 189, 252},
       "",
       true,
       true,
       {"label_map of 5: background, liver, right kidney, left kidney, spleen",
        "patch 48 x 192 x 192",
        "25000 in all, 250 an epoch, 100.0 epochs, batch 2"}},
      {"ricord",
       3,
       1,
       Label::kClass,
       up_to(2),
       "",
       true,
       false,
       {"MiT small (3d)", "class of 2: negative, COVID-19",
        "3 to train of 4 listed, 1 to validate, 2 to test",
        "whole cases resized to 64 x 128 x 128; patch 64 x 128 x 128",
        "12800 in all, 64 an epoch, 200.0 epochs, batch 8",
        "adamw, peak 1e-05, constant"}},
      {"jsrt",
       2,
       1,
       Label::kMasks,
       up_to(5),
       "",
       false,
       true,
       {"MiT small (2d)",
        "structures of 5: right lung, left lung, heart, right clavicle, left "
        "clavicle",
        "whole cases resized to 224 x 224; patch 224 x 224",
        "200 in all, 1 an epoch, 200.0 epochs, batch 32"}},
      {"isic",
       2,
       3,
       Label::kMasks,
       up_to(1),
       "",
       false,
       false,
       {"MiT small (2d)", "structures of 1: lesion", "patch 224 x 224",
        "200.0 epochs, batch 32", "adamw, peak 0.0001, poly"}},
      {"chestxr",
       2,
       1,
       Label::kClass,
       up_to(3),
       "",
       false,
       false,
       {"MiT small (2d)", "class of 3: normal, pneumonia, COVID-19",
        "patch 224 x 224", "batch 32", "adamw, peak 0.0001, poly"}},
      {"sample_hippocampus",
       3,
       1,
       Label::kMap,
       up_to(3),
       "seg3d_hippocampus",
       false,
       false,
       {"MiT tiny (3d)", "label_map of 3: background, anterior, posterior",
        "4 to train of 4 listed, 2 to validate, 2 to test",
        "resampled to 0.875 x 0.875 x 0.6875 mm", "patch 48 x 64 x 64"}},
      {"sample_ct_liver",
       3,
       1,
       Label::kMap,
       up_to(2),
       "seg3d_ct_demo",
       false,
       true,
       {"MiT tiny (3d)", "label_map of 2: background, liver",
        "resampled to 3 x 2 x 2 mm", "patch 48 x 96 x 96"}},
      {"sample_adrenal",
       3,
       1,
       Label::kClass,
       up_to(2),
       "cls3d_adrenal",
       false,
       false,
       {"MiT tiny (3d)", "class of 2: normal, hyperplasia",
        "4 to train of 4 listed, 2 to validate, 2 to test",
        "patch 32 x 64 x 64"}},
      {"sample_xray",
       2,
       1,
       Label::kClass,
       up_to(2),
       "cls2d_cxr",
       false,
       false,
       {"MiT tiny (2d)", "class of 2: normal, pneumonia", "patch 96 x 96"}},
      {"sample_lesion",
       2,
       3,
       Label::kMap,
       {0, 255},
       "seg2d_isic",
       false,
       false,
       {"MiT tiny (2d)", "label_map of 2: background, lesion",
        "whole cases resized to 128 x 128; patch 128 x 128"}},
  };
}

class FinetuneConfigs : public testing::ToyFinetuning {
 protected:
  static std::string config(const Task& task) {
    return std::string(std::getenv("UNIMISS_FINETUNE_CONFIGS")) + "/" +
           task.name + ".yaml";
  }

  void write(const Task& task, const std::string& name,
             const torch::Tensor& voxels) const {
    task.rank == 3 ? volume(name, voxels) : image(name, voxels);
  }

  /// The field of a list that follows the image's path.
  std::string label_of(const Task& task, const std::string& path,
                       const std::string& from, int number) const {
    const auto count = static_cast<int64_t>(task.values.size());
    if (task.label == Label::kClass) return std::to_string(number % count);
    const std::string ending = task.rank == 3 ? ".nii.gz" : ".png";
    const std::vector<int64_t> size = task.rank == 3
                                          ? std::vector<int64_t>{9, 24, 20}
                                          : std::vector<int64_t>{40, 36};
    if (task.label == Label::kMap) {
      // Every class is there.
      torch::Tensor map =
          at::arange(9 * 24 * 20)
              .slice(0, 0, task.rank == 3 ? 9 * 24 * 20 : 40 * 36);
      map = at::tensor(task.values).index({map.remainder(count)}).view(size);
      write(task, path + "_label" + ending, map);
      return from + "_label" + ending;
    }
    std::string masks;
    for (int64_t k = 0; k < count; ++k) {
      const std::string mask = "_mask" + std::to_string(k) + ending;
      write(task, path + mask, 255 * box(size));
      masks += joined({k > 0 ? "|" : "", from, mask});
    }
    return masks;
  }

  /// A list of cases in the task's folder, which is made; its path.
  std::string make_list(const Task& task, const std::string& list, int count) {
    const std::string folder = *task.sample != '\0' ? task.sample : task.name;
    fs::create_directories(file(folder));
    const bool csv = task.label == Label::kMasks || task.patients;
    std::string lines = task.patients ? "image,label,patient\n"
                        : csv         ? "image,label\n"
                                      : "";
    for (int i = 0; i < count; ++i) {
      const std::string name = list + std::to_string(i);
      const std::string path = joined({folder, "/", name});
      const std::string ending = task.rank == 3 ? ".nii.gz" : ".png";
      std::vector<int64_t> size{task.channels, 40, 36};
      if (task.rank == 3) size = {9, 24, 20};
      if (task.channels == 1 && task.rank == 2) size = {40, 36};
      write(task, path + ending, at::randint(256, size));
      lines += name + ending + (csv ? "," : " ") +
               label_of(task, path, name, i) +
               (task.patients ? "," + name : "") + "\n";
    }
    testing::write_bytes(file(folder + "/" + list + ".txt"), lines);
    return file(folder + "/" + list + ".txt");
  }

  /// What the user adds to the command.
  std::string overrides(const Task& task) {
    const std::string train = make_list(task, "train", 4);
    const std::string test = make_list(task, "test", 2);
    if (*task.sample == '\0') {
      return " init.from_scratch=true data.train=" + train +
             " data.test=" + test;
    }
    make_list(task, "val", 2);
    make_list(task, "all", 3);
    return "";
  }
};

TEST_F(FinetuneConfigs, AllAreTestedHere) {
  std::set<std::string> known, found;
  for (const Task& task : tasks()) known.insert(task.name);
  for (const auto& each :
       fs::directory_iterator(std::getenv("UNIMISS_FINETUNE_CONFIGS"))) {
    found.insert(each.path().stem().string());
  }
  EXPECT_EQ(found, known);
}

/// Real steps of the true networks and sizes: minutes, and up to 7 GiB.
TEST_F(FinetuneConfigs, ADryRunOfEachTellsItsPlan) {
  setenv("UNIMISS_SAMPLE", folder_.path().c_str(), 1);
  for (const Task& task : tasks()) {
    const std::string output = file(std::string("runs/") + task.name);
    const auto result = testing::run_program(
        "unimiss-finetune", "--config " + config(task) +
                                " --dry-run run.output=" + output +
                                overrides(task));
    EXPECT_EQ(result.status, 0) << task.name << "\n" << result.output;
    EXPECT_THAT(result.output, HasSubstr("at its peak")) << task.name;
    for (const char* told : task.plan) {
      EXPECT_THAT(result.output, HasSubstr(told)) << task.name;
    }
    EXPECT_TRUE(fs::exists(output + "-dry-run.png")) << task.name;
    EXPECT_FALSE(fs::exists(output)) << task.name;
  }
}

TEST_F(FinetuneConfigs, ClassesWithASideAreNotMirrored) {
  setenv("UNIMISS_SAMPLE", folder_.path().c_str(), 1);
  for (const Task& task : tasks()) {
    const auto result = testing::run_program(
        "unimiss-finetune",
        "--config " + config(task) + " --print-config" + overrides(task));
    ASSERT_EQ(result.status, 0) << task.name << "\n" << result.output;
    std::istringstream text(result.output);
    int told = 0;
    for (std::string line; std::getline(text, line);) {
      if (line.find("  mirror: ") == std::string::npos) continue;
      ++told;
      if (task.sided) {
        EXPECT_THAT(line, Not(HasSubstr("width"))) << task.name;
      }
    }
    EXPECT_EQ(told, 2) << task.name;  // in training and in test
  }
}

}  // namespace
}  // namespace unimiss
