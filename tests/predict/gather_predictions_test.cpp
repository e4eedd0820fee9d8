#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include <filesystem>

#include "predict/case_record.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/io/image.h"
#include "unimiss/predict/prediction.h"

namespace unimiss::predict {
namespace {

using unimiss::testing::TemporaryDirectory;

void claim(const TemporaryDirectory& folder, const std::string& target) {
  testing::write_bytes(
      folder.file("predict.json"),
      R"({"networks": [], "classes": ["ill", "a, b"], "label_values": [],
          "target": ")" +
          target + "\"}");
}

void record(const TemporaryDirectory& folder, const std::string& id,
            std::vector<double> probabilities, std::optional<double> dice) {
  CaseRecord of;
  of.id = id;
  of.probabilities = std::move(probabilities);
  of.dice = dice;
  write_record(folder.path().string(), of);
}

PredictionRequest request_of(const TemporaryDirectory& folder) {
  PredictionRequest request;
  request.output = folder.path().string();
  return request;
}

TEST(GatherPredictions, ATableTellsTheLargestOfExclusiveClasses) {
  const TemporaryDirectory folder;
  claim(folder, "class");
  record(folder, "b", {0.25, 0.75}, {});
  record(folder, "a", {0.5, 0.5}, {});
  EXPECT_FALSE(gather_predictions(request_of(folder)));
  EXPECT_EQ(testing::read_bytes(folder.file("predictions.csv")),
            "case,predicted,ill,\"a, b\"\n"
            "a,ill,0.5,0.5\n"
            "b,\"a, b\",0.25,0.75\n");
}

TEST(GatherPredictions, ATableTellsAllOfSeveralClassesThatAreLikely) {
  const TemporaryDirectory folder;
  claim(folder, "classes");
  record(folder, "a", {0.75, 0.625}, {});
  record(folder, "b", {0.5, 0.25}, {});
  gather_predictions(request_of(folder));
  EXPECT_EQ(testing::read_bytes(folder.file("predictions.csv")),
            "case,predicted,ill,\"a, b\"\n"
            "a,\"ill|a, b\",0.75,0.625\n"
            "b,,0.5,0.25\n");
}

TEST(GatherPredictions, MapsHaveAMeanAndTheirExtremes) {
  const TemporaryDirectory folder;
  EXPECT_FALSE(gather_predictions(request_of(folder)));  // no job began
  claim(folder, "label_map");
  std::filesystem::create_directories(folder.file("overlays"));
  for (const auto& [id, dice] :
       {std::pair{"a", 0.5}, {"b", 0.25}, {"c", 0.75}, {"d", 1.0}}) {
    record(folder, id, {}, dice);
    io::write_png(folder.file(std::string("overlays/") + id + ".png"),
                  at::full({3, 4, 8}, 100 * dice, torch::kByte));
  }
  record(folder, "without", {}, {});
  EXPECT_EQ(gather_predictions(request_of(folder)), 0.625);
  const std::string extremes = folder.file("overlays/worst_median_best.png");
  EXPECT_FALSE(std::filesystem::exists(extremes));
  auto request = request_of(folder);
  request.overlays = true;
  gather_predictions(request);
  const torch::Tensor picture = io::read_pixels(extremes);
  for (const auto& [place, value] : {std::pair{0, 25}, {5, 50}, {11, 100}}) {
    EXPECT_EQ(picture[0][place][0].item<int>(), value) << place;
  }
}

}  // namespace
}  // namespace unimiss::predict
