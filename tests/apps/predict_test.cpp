// Predictions of new cases by the program itself, with networks that it was
// shown a few steps: what is asked for is where and how, not how good.
#include <gmock/gmock.h>

#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "apps/toy_finetuning.h"
#include "unimiss/io/volume.h"
#include "unimiss/io/volume_writer.h"

namespace unimiss {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;
using testing::read_bytes;

constexpr const char* kThreeClasses = "'task.classes=[background, rim, core]' ";

class Predict : public testing::ToyFinetuning {
 protected:
  testing::ProgramResult predict(const std::string& arguments) const {
    return testing::run_program("unimiss-predict", "--threads 1 " + arguments);
  }

  /// A run on two cases, three steps long, in the folder of that name.
  void train(const std::string& run, const std::string& more = "") const {
    if (!exists("train.txt")) label_maps("train", 3);
    const auto result = finetune(
        kThreeClasses + ("run.max_steps=3 data.train=" + file("train.txt")) +
            " " + more,
        run);
    ASSERT_EQ(result.status, 0) << result.output;
  }

  /// Volumes scan0, scan1, ... of a folder, with what they are.
  void scans(const std::string& folder, int count) const {
    fs::create_directories(file(folder));
    for (int i = 0; i < count; ++i) {
      const torch::Tensor map = box({14 + i, 60, 70});
      volume(folder + "/scan" + std::to_string(i) + ".nii.gz",
             image_of(map, 100));
    }
  }

  torch::Tensor map_of(const std::string& name) const {
    return io::read_volume(file(name), io::VoxelKind::kLabels).voxels;
  }

  /// Names below a folder, sorted.
  std::vector<std::string> files_below(const std::string& folder) const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(file(folder))) {
      if (!entry.is_regular_file()) continue;
      names.push_back(
          fs::relative(entry.path(), file(folder)).generic_string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
};

TEST_F(Predict, SaysOfTestCasesWhatTheRunSaid) {
  label_maps("test", 2);
  train("run", "data.test=" + file("test.txt"));
  fs::create_directories(file("input"));
  for (const char* name : {"test0.nii.gz", "test1.nii.gz"}) {
    fs::copy_file(file(name), file(std::string("input/") + name));
  }
  const auto result = predict("--model " + file("run") + " --input " +
                              file("input") + " --output " + file("out"));
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("2 of 2 cases predicted"));
  EXPECT_EQ(files_below("out"),
            (std::vector<std::string>{"cases/test0.json", "cases/test1.json",
                                      "predict.json", "test0.nii.gz",
                                      "test1.nii.gz"}));
  for (const char* name : {"test0.nii.gz", "test1.nii.gz"}) {
    EXPECT_EQ(read_bytes(file(std::string("out/") + name)),
              read_bytes(file(std::string("run/test/predictions/") + name)));
  }
  // A list and a file of weights do as well.
  const auto listed =
      predict("--model " + file("run/export/best.safetensors") + " --input " +
              file("test.txt") + " --output " + file("listed"));
  ASSERT_EQ(listed.status, 0) << listed.output;
  EXPECT_EQ(read_bytes(file("listed/test1.nii.gz")),
            read_bytes(file("out/test1.nii.gz")));
}

/// Real headers of every kind: permuted, flipped and oblique axes, smaller than
/// the patch, other formats, a DICOM series.
TEST_F(Predict, MapsHaveTheGridAndFormatOfTheirInput) {
  train("run");
  const std::string golden =
      std::string(std::getenv("UNIMISS_GOLDEN")) + "/io/";
  fs::create_directories(file("in"));
  const std::vector<std::pair<std::string, std::string>> inputs{
      {"lps_uint8.nii", "lps_uint8.nii"},
      {"sra_float32.nii.gz", "sra_float32.nii.gz"},
      {"oblique_int16.nii.gz", "oblique_int16.nii.gz"},
      {"compressed.mha", "compressed.mha"},
      {"detached.mhd", "detached.mha"},
      {"gzip.nrrd", "gzip.nrrd"},
      {"series_sagittal", "series_sagittal.nii.gz"}};
  std::string list;
  for (const auto& [name, written] : inputs) list += golden + name + "\n";
  testing::write_bytes(file("list.txt"), list);
  const auto result = predict("--model " + file("run") + " --input " +
                              file("list.txt") + " --output " + file("out"));
  ASSERT_EQ(result.status, 0) << result.output;
  for (const auto& [name, written] : inputs) {
    const io::Volume image = io::read_volume(golden + name);
    const io::Volume map = io::read_volume(file("out/" + written));
    ASSERT_TRUE(image.file && map.file);
    EXPECT_EQ(map.file->size, image.file->size) << name;
    for (int axis = 0; axis < 3; ++axis) {
      EXPECT_NEAR(map.file->spacing[axis], image.file->spacing[axis], 1e-6);
      EXPECT_NEAR(map.file->origin[axis], image.file->origin[axis], 1e-4);
      for (int i = 0; i < 3; ++i) {
        EXPECT_NEAR(map.file->axes[axis][i], image.file->axes[axis][i], 1e-6)
            << name;
      }
    }
  }
}

/// A volume stored in all kinds of axes is predicted as the same volume, and
/// its map lies where it lies, to the last bit.
TEST_F(Predict, TheMapLiesWhereItsImageLies) {
  train("run");
  scans("in", 1);
  const io::Volume plain = io::read_volume(file("in/scan0.nii.gz"));
  const io::FileGrid& axes = *plain.file;
  struct Stored {
    std::array<int, 3> order;
    std::array<bool, 3> flipped;
    double angle;  ///< about the z axis
    const char* ending;
  };
  const std::vector<Stored> ways{
      {{0, 1, 2}, {true, false, true}, 0, ".nii.gz"},
      {{2, 0, 1}, {false, true, false}, 0, ".nii"},
      {{1, 2, 0}, {true, true, true}, 0.3, ".nii.gz"},
      {{0, 1, 2}, {false, false, false}, 0.2, ".nii"},
      {{1, 0, 2}, {false, true, true}, -0.25, ".mha"},
      {{2, 1, 0}, {true, false, false}, 0.1, ".nrrd"}};
  for (size_t i = 0; i < ways.size(); ++i) {
    const auto& [order, flipped, angle, ending] = ways[i];
    const auto turned = [c = std::cos(angle),
                         s = std::sin(angle)](const std::array<double, 3>& v) {
      return std::array<double, 3>{c * v[0] - s * v[1], s * v[0] + c * v[1],
                                   v[2]};
    };
    io::FileGrid grid;
    std::array<double, 3> origin = axes.origin;
    for (int axis = 0; axis < 3; ++axis) {
      const int from = order[axis];
      grid.size[axis] = axes.size[from];
      grid.spacing[axis] = axes.spacing[from];
      const double sign = flipped[axis] ? -1 : 1;
      std::array<double, 3> direction = axes.axes[from];
      for (int k = 0; k < 3; ++k) {
        if (flipped[axis]) {
          origin[k] += direction[k] * axes.spacing[from] *
                       static_cast<double>(axes.size[from] - 1);
        }
        direction[k] *= sign;
      }
      grid.axes[axis] = turned(direction);
    }
    grid.origin = turned(origin);
    io::Volume image = plain;
    for (auto& axis : image.axes) axis = turned(axis);
    image.origin = turned(plain.origin);
    image.file = grid;
    io::write_volume(file("in/way" + std::to_string(i) + ending), image);
  }
  const auto result = predict("--model " + file("run") + " --input " +
                              file("in") + " --output " + file("out"));
  ASSERT_EQ(result.status, 0) << result.output;
  const torch::Tensor expected = map_of("out/scan0.nii.gz");
  EXPECT_GT(expected.ne(0).sum().item<int64_t>(), 0);
  for (size_t i = 0; i < ways.size(); ++i) {
    const std::string name = "way" + std::to_string(i) + ways[i].ending;
    const io::Volume image = io::read_volume(file("in/" + name));
    const io::Volume map =
        io::read_volume(file("out/" + name), io::VoxelKind::kLabels);
    EXPECT_TRUE(at::equal(image.voxels, plain.voxels)) << name;
    EXPECT_TRUE(at::equal(map.voxels, expected)) << name;
    EXPECT_EQ(map.file->size, image.file->size) << name;
    EXPECT_EQ(map.file->origin, image.file->origin) << name;
    // NRRD stores products of the two, which are rounded.
    const double rounding = name.ends_with(".nrrd") ? 1e-15 : 0;
    for (int axis = 0; axis < 3; ++axis) {
      EXPECT_NEAR(map.file->spacing[axis], image.file->spacing[axis], rounding);
      for (int k = 0; k < 3; ++k) {
        EXPECT_NEAR(map.file->axes[axis][k], image.file->axes[axis][k],
                    rounding)
            << name;
      }
    }
    if (image.file->nifti_header.empty()) continue;
    // pixdim, units, codes, quaternion and rows of the affine.
    const auto& is = map.file->nifti_header;
    const auto& was = image.file->nifti_header;
    for (const auto& [at, size] : {std::pair{76, 16}, {123, 1}, {252, 76}}) {
      EXPECT_TRUE(
          std::equal(is.begin() + at, is.begin() + at + size, was.begin() + at))
          << name << " " << at;
    }
  }
}

TEST_F(Predict, AverageProbabilitiesOfSeveralNetworksWin) {
  scans("in", 1);
  // Of another spacing: averaged on the case's own grid.
  train("a", "run.seed=1");
  train("b", "run.seed=2 data.spacing=[2,1.2,1.5]");
  const auto run = [&](const std::string& models, const std::string& output) {
    const auto result =
        predict("--model " + models + " --input " + file("in") + " --output " +
                file(output) + " --save-probabilities");
    ASSERT_EQ(result.status, 0) << result.output;
  };
  run(file("a"), "pa");
  run(file("b"), "pb");
  run(file("a") + " " + file("b"), "both");
  const auto probabilities = [&](const std::string& output) {
    std::vector<torch::Tensor> classes;
    for (const char* name : {"background", "rim", "core"}) {
      classes.push_back(io::read_volume(file(output + "/probabilities/scan0/" +
                                             name + ".nii.gz"))
                            .voxels);
    }
    return at::stack(classes);
  };
  const torch::Tensor mean = (probabilities("pa") + probabilities("pb")) / 2;
  EXPECT_TRUE(at::allclose(probabilities("both"), mean, 0, 1e-6));
  EXPECT_TRUE(at::allclose(mean.sum(0), at::ones({14, 60, 70}), 0, 1e-5));
  const torch::Tensor map = map_of("both/scan0.nii.gz");
  EXPECT_TRUE(at::equal(
      probabilities("both").gather(0, map.to(torch::kLong).unsqueeze(0))[0],
      std::get<0>(probabilities("both").max(0))));
  EXPECT_FALSE(at::equal(probabilities("pa"), probabilities("pb")));
}

TEST_F(Predict, DoesWhatIsMissingAlone) {
  scans("in", 3);
  train("run");
  const std::string call = "--model " + file("run") + " --input " + file("in") +
                           " --output " + file("out") + " ";
  ASSERT_EQ(predict(call).status, 0);
  const std::string first = read_bytes(file("out/scan0.nii.gz"));
  fs::remove(file("out/scan1.nii.gz"));
  auto again = predict(call);
  ASSERT_EQ(again.status, 0) << again.output;
  EXPECT_THAT(again.output, HasSubstr("1 of 3 cases predicted"));
  EXPECT_THAT(again.output, HasSubstr("2 were there before"));
  // An image that has changed is another one.
  volume("in/scan0.nii.gz", image_of(box({10, 60, 70}), 100));
  again = predict(call);
  EXPECT_THAT(again.output, HasSubstr("1 of 3 cases predicted"));
  EXPECT_EQ(map_of("out/scan0.nii.gz").size(0), 10);
  // Mirrored are the axes that training mirrors, and nothing but by request.
  EXPECT_EQ(json("out/predict.json")["networks"][0]["mirror"], Json::array());
  ASSERT_EQ(predict("--model " + file("run") + " --input " + file("in") +
                    " --output " + file("mirrored") + " --tta mirror")
                .status,
            0);
  EXPECT_EQ(json("mirrored/predict.json")["networks"][0]["mirror"],
            (Json{"depth", "height"}));
  // Others' predictions are not mixed with these.
  for (const std::string other : {"--step 0.7", "--tta mirror"}) {
    const auto refused = predict(call + other);
    EXPECT_EQ(refused.status, 2) << refused.output;
    EXPECT_THAT(refused.output, HasSubstr("tells of predictions with another"));
  }
}

TEST_F(Predict, JobsShareTheCases) {
  scans("in", 5);
  train("run");
  const std::string call =
      "--model " + file("run") + " --input " + file("in") + " --output ";
  ASSERT_EQ(predict(call + file("one")).status, 0);
  const auto jobs = predict(call + file("two") + " --jobs 2");
  ASSERT_EQ(jobs.status, 0) << jobs.output;
  EXPECT_EQ(files_below("two"), files_below("one"));
  ASSERT_EQ(predict(call + file("three") + " --job 1/3").status, 0);
  EXPECT_FALSE(exists("three/scan0.nii.gz"));
  for (const char* name : {"scan1.nii.gz", "scan4.nii.gz"}) {
    EXPECT_EQ(read_bytes(file(std::string("two/") + name)),
              read_bytes(file(std::string("one/") + name)));
    EXPECT_EQ(read_bytes(file(std::string("three/") + name)),
              read_bytes(file(std::string("one/") + name)));
  }
  EXPECT_EQ(predict(call + file("four") + " --job 3/3").status, 2);
  EXPECT_EQ(predict(call + file("four") + " --job x").status, 2);
}

TEST_F(Predict, ABadInputDoesNotStopTheOthers) {
  scans("in", 3);
  train("run");
  const std::string good = read_bytes(file("in/scan1.nii.gz"));
  testing::write_bytes(file("in/scan1.nii.gz"),
                       good.substr(0, good.size() / 2));
  testing::write_bytes(file("in/notes.md"), "not a volume");
  const std::string call = "--model " + file("run") + " --input " + file("in") +
                           " --output " + file("out") +
                           " --save-probabilities --overlays";
  for (const char* jobs : {" --jobs 2", ""}) {
    const auto result = predict(call + jobs);
    EXPECT_EQ(result.status, 1) << result.output;
    EXPECT_THAT(result.output, HasSubstr("scan1 is not predicted"));
    EXPECT_THAT(result.output, HasSubstr("notes.md"));
  }
  EXPECT_TRUE(exists("out/scan0.nii.gz"));
  EXPECT_TRUE(exists("out/scan2.nii.gz"));
  for (const std::string& name : files_below("out")) {
    EXPECT_THAT(name, Not(HasSubstr("scan1")));
    EXPECT_THAT(name, Not(HasSubstr("unfinished")));
  }
  testing::write_bytes(file("in/scan1.nii.gz"), good);
  EXPECT_EQ(predict(call).status, 0);
  EXPECT_TRUE(exists("out/scan1.nii.gz"));
  // What was said of an earlier image is not left for the next one.
  testing::write_bytes(file("in/scan1.nii.gz"), "damaged");
  EXPECT_EQ(predict(call).status, 1);
  for (const std::string& name : files_below("out")) {
    EXPECT_THAT(name, Not(HasSubstr("scan1")));
  }
}

TEST_F(Predict, KeepsWhatWasCorrectedByHand) {
  scans("in", 2);
  train("run");
  const std::string call = "--model " + file("run") + " --input " + file("in") +
                           " --output " + file("out");
  ASSERT_EQ(predict(call).status, 0);
  volume("out/scan0.nii.gz", box({14, 60, 70}));
  const std::string corrected = read_bytes(file("out/scan0.nii.gz"));
  // For another reason than the map, and because it has another size.
  for (const char* more : {" --overlays", ""}) {
    const auto result = predict(call + more);
    EXPECT_EQ(result.status, 1) << result.output;
    EXPECT_THAT(result.output, HasSubstr("is no longer as it was predicted"));
    EXPECT_EQ(read_bytes(file("out/scan0.nii.gz")), corrected);
  }
  EXPECT_TRUE(exists("out/overlays/scan1.png"));
  fs::rename(file("out/scan0.nii.gz"), file("corrected.nii.gz"));
  EXPECT_EQ(predict(call).status, 0);
  EXPECT_TRUE(exists("out/scan0.nii.gz"));
  // One network is no ensemble.
  const auto twice =
      predict("--model " + file("run") + " " + file("run") + " --input " +
              file("in") + " --output " + file("twice"));
  EXPECT_EQ(twice.status, 2) << twice.output;
  EXPECT_THAT(twice.output, HasSubstr("hold the same weights"));
}

TEST_F(Predict, NeverOverwritesWhatItReads) {
  scans("in", 2);
  train("run");
  const std::string before = read_bytes(file("in/scan0.nii.gz"));
  const auto result = predict("--model " + file("run") + " --input " +
                              file("in") + " --output " + file("in"));
  EXPECT_EQ(result.status, 2) << result.output;
  EXPECT_THAT(result.output, HasSubstr("--output: is the folder of"));
  EXPECT_EQ(read_bytes(file("in/scan0.nii.gz")), before);
  EXPECT_EQ(files_below("in").size(), 2u);
  // Nor what others wrote.
  fs::create_directories(file("labels"));
  testing::write_bytes(file("labels/scan1.nii.gz"), "drawn by hand");
  const auto refused = predict("--model " + file("run") + " --input " +
                               file("in") + " --output " + file("labels"));
  EXPECT_EQ(refused.status, 2) << refused.output;
  EXPECT_THAT(refused.output, HasSubstr("is there, but no predict.json"));
  EXPECT_EQ(files_below("labels").size(), 1u);
  fs::create_directories(file("project/cases"));
  testing::write_bytes(file("project/cases/scan0.json"), "{}");
  EXPECT_EQ(predict("--model " + file("run") + " --input " + file("in") +
                    " --output " + file("project"))
                .status,
            2);
  EXPECT_EQ(read_bytes(file("project/cases/scan0.json")), "{}");
}

TEST_F(Predict, AReferenceAtFaultDoesNotCostThePrediction) {
  scans("in", 2);
  train("run");
  fs::create_directories(file("references"));
  volume("references/scan0.nii.gz", box({14, 60, 70}));
  volume("references/scan1.nii.gz", box({9, 60, 70}));
  const std::string call = "--model " + file("run") + " --input " + file("in") +
                           " --output " + file("out") + " --references " +
                           file("references");
  // A second call finds it there, and its reference no better.
  for (const std::string predicted : {"2", "0"}) {
    const auto result = predict(call);
    EXPECT_EQ(result.status, 1) << result.output;
    EXPECT_THAT(result.output, HasSubstr("predicted without its reference"));
    EXPECT_THAT(result.output, HasSubstr(predicted + " of 2 cases predicted"));
  }
  EXPECT_TRUE(exists("out/scan1.nii.gz"));
  EXPECT_TRUE(json("out/cases/scan1.json")["dice"].is_null());
  // A prediction is there whether or not references are named; another
  // reference makes another number.
  const std::string plain = call.substr(0, call.find(" --references"));
  EXPECT_THAT(predict(plain).output, HasSubstr("0 of 2 cases predicted"));
  EXPECT_TRUE(json("out/cases/scan0.json")["dice"].is_number());
  volume("references/scan1.nii.gz", box({15, 60, 70}));
  const auto again = predict(call);
  EXPECT_EQ(again.status, 0) << again.output;
  EXPECT_THAT(again.output, HasSubstr("1 of 2 cases predicted"));
  EXPECT_TRUE(json("out/cases/scan1.json")["dice"].is_number());
}

TEST_F(Predict, WhatAListNamesInVainIsToldOf) {
  scans("in", 1);
  train("run");
  testing::write_bytes(file("list.txt"), "in/gone.nii.gz\nin/scan0.nii.gz\n");
  const auto result = predict("--model " + file("run") + " --input " +
                              file("list.txt") + " --output " + file("out"));
  EXPECT_EQ(result.status, 1) << result.output;
  EXPECT_THAT(result.output, HasSubstr("gone is not predicted"));
  EXPECT_TRUE(exists("out/scan0.nii.gz"));
}

TEST_F(Predict, JobsEndWithTheProcessThatStartedThem) {
  scans("in", 40);
  train("run");
  const char* programs = std::getenv("UNIMISS_PROGRAMS");
  // Killed once a job has written something.
  const std::string call =
      std::string(programs) + "/unimiss-predict --threads 1 --model " +
      file("run") + " --input " + file("in") +
      " --step 0.1 --jobs 2 --output " + file("out") +
      " >/dev/null 2>&1 & parent=$!; for i in $(seq 600); do ls " +
      file("out/cases") +
      " 2>/dev/null | grep -q json && break; sleep 0.1; done; "
      "kill -KILL $parent";
  EXPECT_EQ(std::system(call.c_str()), 0);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const auto count = [&] {
    return exists("out") ? files_below("out").size() : 0;
  };
  EXPECT_GT(count(), 2u);   // it had begun
  EXPECT_LT(count(), 82u);  // and not ended
  const size_t then = count();
  std::this_thread::sleep_for(std::chrono::seconds(2));
  EXPECT_EQ(count(), then);
}

TEST_F(Predict, DrawsCasesBesideTheirReferences) {
  scans("in", 3);
  train("run");
  fs::create_directories(file("references"));
  for (const char* name : {"scan0", "scan2"}) {
    const std::string ending = ".nii.gz";
    const torch::Tensor image = map_of("in/" + (name + ending));
    volume("references/" + (name + ending), (image > 60).to(torch::kByte));
  }
  const auto result = predict("--model " + file("run") + " --input " +
                              file("in") + " --output " + file("out") +
                              " --overlays --references " + file("references"));
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("mean over the cases with a reference"));
  const torch::Tensor with = io::read_pixels(file("out/overlays/scan0.png"));
  const torch::Tensor without = io::read_pixels(file("out/overlays/scan1.png"));
  EXPECT_GT(with.size(2), without.size(2));  // one more column
  EXPECT_TRUE(json("out/cases/scan0.json")["dice"].is_number());
  EXPECT_TRUE(json("out/cases/scan1.json")["dice"].is_null());
  EXPECT_TRUE(exists("out/overlays/worst_median_best.png"));
}

TEST_F(Predict, StructuresAreAMaskEach) {
  std::string lines = "image,label\n";
  for (int i = 0; i < 3; ++i) {
    const std::string name = "x" + std::to_string(i);
    const torch::Tensor a = box({70, 90}), b = box({70, 90});
    image(name + ".png", image_of(a + b, 100));
    image(name + "_a.png", 255 * a);
    image(name + "_b.png", b);
    lines += joined({name, ".png,", name, "_a.png|", name, "_b.png\n"});
  }
  testing::write_bytes(file("train.csv"), lines);
  const auto trained = finetune(
      "model.dimensions=2d model.image_channels=1 data.size=[64,64]"
      " task.target=structures 'task.classes=[left lung, heart]'"
      " data.normalization.rule=unit run.max_steps=2 data.train=" +
      file("train.csv"));
  ASSERT_EQ(trained.status, 0) << trained.output;
  const auto result =
      predict("--model " + file("run") + " --input " + file("x0.png") +
              " --output " + file("out") + " --save-probabilities");
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_EQ(
      files_below("out"),
      (std::vector<std::string>{
          "cases/x0.json", "heart/x0.png", "left_lung/x0.png", "predict.json",
          "probabilities/x0/heart.png", "probabilities/x0/left_lung.png"}));
  const torch::Tensor mask = io::read_pixels(file("out/heart/x0.png"))[0];
  EXPECT_EQ(mask.sizes(), at::IntArrayRef({70, 90}));
  const torch::Tensor probability =
      io::read_image(file("out/probabilities/x0/heart.png"))[0];
  EXPECT_TRUE(at::equal(mask.ne(0), probability > 0.5));
}

TEST_F(Predict, ClassesAreATableOfProbabilities) {
  std::string lines;
  for (int i = 0; i < 6; ++i) {
    const std::string name = "x" + std::to_string(i) + ".png";
    image(name, image_of(box({64, 64}), 40 * (i % 2)).expand({3, -1, -1}));
    lines += name + (i % 2 == 0 ? " dark\n" : " bright\n");
  }
  testing::write_bytes(file("train.txt"), lines);
  const auto trained = finetune(
      "model.dimensions=2d task.target=class 'task.classes=[dark, bright]'"
      " data.normalization.rule=unit run.max_steps=2 data.test=" +
      file("train.txt") + " data.train=" + file("train.txt"));
  // The same cases to train and to test on: refused.
  EXPECT_EQ(trained.status, 2);
  const auto again = finetune(
      "model.dimensions=2d task.target=class 'task.classes=[dark, bright]'"
      " data.normalization.rule=unit run.max_steps=2 data.train=" +
      file("train.txt"));
  ASSERT_EQ(again.status, 0) << again.output;
  const auto result =
      predict("--model " + file("run") + " --input " + file("train.txt") +
              " --output " + file("out") + " --jobs 2");
  ASSERT_EQ(result.status, 0) << result.output;
  std::istringstream table(read_bytes(file("out/predictions.csv")));
  std::string line;
  std::getline(table, line);
  EXPECT_EQ(line, "case,predicted,dark,bright");
  int cases = 0;
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    std::string id, predicted, dark, bright;
    std::getline(fields, id, ',');
    std::getline(fields, predicted, ',');
    std::getline(fields, dark, ',');
    std::getline(fields, bright, ',');
    EXPECT_EQ(id, "x" + std::to_string(cases++));
    EXPECT_NEAR(std::stod(dark) + std::stod(bright), 1, 1e-6);
    EXPECT_EQ(predicted,
              std::stod(dark) >= std::stod(bright) ? "dark" : "bright");
  }
  EXPECT_EQ(cases, 6);
}

TEST_F(Predict, RefusesWhatCannotBe) {
  scans("in", 1);
  train("run");
  const auto refused = [&](const std::string& arguments, const char* why) {
    const auto result = predict(arguments + " --output " + file("out"));
    EXPECT_EQ(result.status, 2) << result.output;
    EXPECT_THAT(result.output, HasSubstr(why));
    EXPECT_FALSE(exists("out"));
  };
  const std::string in = " --input " + file("in");
  const std::string model = "--model " + file("run");
  refused("--model " + file("nothing") + in, "does not exist");
  refused("--model " + file("in") + in, "holds no config.yaml");
  refused(model + " --input " + file("nothing"), "does not exist");
  refused(model + " --input " + file("toy.yaml"), "is no volume by its name");
  fs::create_directories(file("empty"));
  refused(model + " --input " + file("empty"), "holds no volumes");
  refused(model + in + " --step 2", "inference.step: must be in (0, 1]");
  ASSERT_EQ(pretrain("pretrained").status, 0);
  refused("--model " + file("pretrained") + in, "is a pretraining");
  refused(model + in + " --batch 0", "batch");
  // A series' file beside the folder of another.
  const std::string golden =
      std::string(std::getenv("UNIMISS_GOLDEN")) + "/io/";
  fs::create_directories(file("mixed"));
  fs::copy(golden + "series_axial", file("mixed/series"));
  fs::copy_file(fs::directory_iterator(golden + "series_axial")->path(),
                file("mixed/loose.dcm"));
  refused(model + " --input " + file("mixed"), "a volume as well");
  refused(model + in + " --references " + file("empty"),
          "holds no file named like a case");
  fs::copy(file("run"), file("stopped"), fs::copy_options::recursive);
  fs::remove(file("stopped/export/last.safetensors"));
  refused("--model " + file("stopped") + in, "has not finished");
  const auto other = finetune(
      "'task.classes=[background, rim, shell]' run.max_steps=1 data.train=" +
          file("train.txt"),
      "other");
  ASSERT_EQ(other.status, 0) << other.output;
  refused(model + " " + file("other") + in, "is of another task");
}

/// The scores of all classes at all places would take 7.4 GB.
TEST_F(Predict, MemoryDoesNotHoldAllClassesOfAVolume) {
  std::string classes = "[background";
  for (int k = 1; k < 120; ++k) classes += ",organ" + std::to_string(k);
  label_maps("train", 2);
  const auto trained = finetune("'task.classes=" + classes +
                                "]' run.max_steps=1 data.validation_share=0"
                                " data.train=" +
                                file("train.txt"));
  ASSERT_EQ(trained.status, 0) << trained.output;
  fs::create_directories(file("in"));
  volume("in/long.nii.gz", 20 * at::rand({600, 160, 160}));
  const char* programs = std::getenv("UNIMISS_PROGRAMS");
  const std::string call = std::string("ulimit -v 6000000; ") + programs +
                           "/unimiss-predict --threads 1 --step 1 --batch 1"
                           " --model " +
                           file("run") + " --input " + file("in") +
                           " --output " + file("out");
  EXPECT_EQ(std::system(call.c_str()), 0);
  EXPECT_EQ(map_of("out/long.nii.gz").sizes(),
            at::IntArrayRef({600, 160, 160}));
}

}  // namespace
}  // namespace unimiss
