#include "unimiss/task/prediction_files.h"

#include <gmock/gmock.h>

#include "testing/temporary_directory.h"
#include "testing/toy_task.h"
#include "unimiss/io/image.h"

namespace unimiss::task {
namespace {

using augment::TargetKind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using unimiss::testing::TemporaryDirectory;
using unimiss::testing::toy_spec;

augment::Case of_file(const std::string& file) {
  return {"a", {file}, {}, {}, ""};
}

TaskSpec of_volumes(TargetKind kind) {
  TaskSpec spec = toy_spec(kind);
  spec.model.dimensions = model::Dimensions::k3d;
  return spec;
}

TEST(PredictionFiles, EndAsTheImageWhereThatIsWritten) {
  const TaskSpec volumes = of_volumes(TargetKind::kLabelMap);
  const auto ending = [&](const char* file) {
    return prediction_ending(volumes, of_file(file));
  };
  EXPECT_EQ(ending("x/scan.nii.gz"), ".nii.gz");
  EXPECT_EQ(ending("scan.nii"), ".nii");
  EXPECT_EQ(ending("scan.mhd"), ".mha");
  EXPECT_EQ(ending("scan.nhdr"), ".nrrd");
  EXPECT_EQ(ending("a folder of DICOM files"), ".nii.gz");
  EXPECT_EQ(prediction_ending(toy_spec(TargetKind::kClass), of_file("x.jpg")),
            ".png");
}

TEST(PredictionFiles, AreOneMapOrOneAStructureOrNone) {
  const augment::Case of = of_file("a.nii");
  EXPECT_THAT(prediction_files(of_volumes(TargetKind::kLabelMap), of),
              ElementsAre("a.nii"));
  EXPECT_THAT(prediction_files(of_volumes(TargetKind::kStructures), of),
              ElementsAre("background/a.nii", "left/a.nii", "right/a.nii"));
  EXPECT_THAT(prediction_files(of_volumes(TargetKind::kClass), of), IsEmpty());
}

TEST(PredictionFiles, FoldersOfStructuresAreSafeAndUnique) {
  EXPECT_THAT(structure_folders({"left lung", "left/lung", "cases"}),
              ElementsAre("left_lung", "left_lung_1", "cases_2"));
}

TEST(PredictionFiles, ALabelMapHasTheValuesOfItsReferences) {
  const TemporaryDirectory folder;
  TaskSpec spec = toy_spec(TargetKind::kLabelMap);
  spec.label_values = {0, 128, 255};
  const torch::Tensor map =
      at::tensor({0, 1, 2, 1}).to(torch::kShort).view({1, 2, 2});
  const auto files =
      write_prediction(folder.file("out"), spec, of_file("a.png"), map, {});
  ASSERT_THAT(files, ElementsAre(folder.file("out") + "/a.png"));
  EXPECT_TRUE(io::read_pixels(files[0])
                  .to(torch::kLong)
                  .flatten()
                  .equal(at::tensor({0, 128, 255, 128})));
}

TEST(PredictionFiles, StructuresAreMasksOfTheirOwn) {
  const TemporaryDirectory folder;
  const torch::Tensor map =
      at::tensor({0, 1, 5, 4}).to(torch::kShort).view({1, 2, 2});
  const auto files =
      write_prediction(folder.file("out"), toy_spec(TargetKind::kStructures),
                       of_file("a.png"), map, {});
  ASSERT_EQ(files.size(), 3u);
  const auto pixels = [&](int k) {
    return io::read_pixels(files[k]).to(torch::kLong).flatten();
  };
  EXPECT_TRUE(pixels(0).equal(at::tensor({0, 255, 255, 0})));
  EXPECT_TRUE(pixels(1).equal(at::tensor({0, 0, 0, 0})));
  EXPECT_TRUE(pixels(2).equal(at::tensor({0, 0, 255, 255})));
}

TEST(PredictionFiles, AVolumeLiesWhereItsImageDoes) {
  const TemporaryDirectory folder;
  io::Volume grid;
  grid.voxels = at::zeros({2, 3, 4});
  grid.spacing = {3, 1, 0.5};
  const torch::Tensor map = at::randint(3, {2, 3, 4}, torch::kShort);
  const auto files =
      write_prediction(folder.file("out"), of_volumes(TargetKind::kLabelMap),
                       of_file("a.nii.gz"), map, grid);
  const io::Volume read = io::read_volume(files.at(0));
  EXPECT_TRUE(read.voxels.to(torch::kShort).equal(map));
  EXPECT_THAT(read.spacing, ElementsAre(3, 1, 0.5));
}

TEST(PredictionFiles, AClassificationWritesNone) {
  const TemporaryDirectory folder;
  EXPECT_THAT(write_prediction(folder.file("out"), toy_spec(TargetKind::kClass),
                               of_file("a.png"), {}, {}),
              IsEmpty());
}

}  // namespace
}  // namespace unimiss::task
