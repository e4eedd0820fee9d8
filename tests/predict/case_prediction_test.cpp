#include "predict/case_prediction.h"

#include <gmock/gmock.h>

#include "predict/saved_toys.h"
#include "testing/files.h"
#include "unimiss/core/error.h"

namespace unimiss::predict {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Predicts one image, x/a.png, into out/.
class CasePredictions {
 public:
  CasePredictions() {
    at::manual_seed(5);
    case_ = {"a", {write_image(folder_, "x/a.png")}, {}, {}, ""};
    request_.output = folder_.file("out");
  }
  CasePrediction of(const std::string& target, std::vector<uint64_t> seeds,
                    report::FilesOfCases references = {}) const {
    std::vector<task::SavedNetwork> networks;
    for (const uint64_t seed : seeds) {
      networks.push_back(task::load_saved_network(
          save_toy(folder_, target, seed), torch::kCPU));
    }
    return {request_, std::move(networks), std::move(references)};
  }
  torch::Tensor map() const {
    return io::read_pixels(folder_.file("out/a.png"));
  }

  testing::TemporaryDirectory folder_;
  PredictionRequest request_;
  augment::Case case_;
};

TEST(CasePrediction, AMapIsThatOfTheTask) {
  CasePredictions here;
  const auto prediction = here.of("label_map", {1});
  EXPECT_FALSE(prediction.done(here.case_));
  const CaseRecord record = prediction.predict(here.case_);
  EXPECT_THAT(record.files, ElementsAre("a.png"));
  EXPECT_THAT(record.maps, SizeIs(1));
  EXPECT_THAT(record.probabilities, IsEmpty());
  const auto network = task::load_saved_network(
      save_toy(here.folder_, "label_map", 1), torch::kCPU);
  const auto both =
      data::read_case(here.case_, network.task->spec().decode_options());
  EXPECT_TRUE(here.map()
                  .to(torch::kShort)
                  .equal(network.task->predict({both.voxels, both.own}).map));
  EXPECT_TRUE(prediction.done(here.case_));
  testing::write_bytes(here.folder_.file("out/a.png"), "");
  EXPECT_FALSE(prediction.done(here.case_));
}

TEST(CasePrediction, AnEnsembleOfTheSameIsTheSame) {
  CasePredictions here;
  here.of("structures", {1}).predict(here.case_);
  const auto file = [&](const char* name) {
    return testing::read_bytes(here.folder_.file(name));
  };
  const std::string alone = file("out/left/a.png");
  here.request_.output = here.folder_.file("twice");
  here.of("structures", {1, 1}).predict(here.case_);
  EXPECT_EQ(file("twice/left/a.png"), alone);
}

TEST(CasePrediction, ClassesAreTheMeanOfAllNetworks) {
  CasePredictions here;
  const auto told = [&](std::vector<uint64_t> seeds) {
    return here.of("class", std::move(seeds)).predict(here.case_).probabilities;
  };
  const auto one = told({1}), other = told({2}), both = told({1, 2});
  ASSERT_THAT(both, SizeIs(3));
  EXPECT_NE(one[0], other[0]);
  for (size_t k = 0; k < 3; ++k) {
    EXPECT_DOUBLE_EQ(both[k], (one[k] + other[k]) / 2);
  }
}

TEST(CasePrediction, ProbabilitiesAndPictureLieBeside) {
  CasePredictions here;
  here.request_.probabilities = here.request_.overlays = true;
  const CaseRecord record = here.of("label_map", {1, 2}).predict(here.case_);
  EXPECT_THAT(record.files,
              ElementsAre("a.png", "probabilities/a/background.png",
                          "probabilities/a/left.png",
                          "probabilities/a/right.png", "overlays/a.png"));
  torch::Tensor sum = at::zeros({70, 80});
  for (size_t i = 1; i < 4; ++i) {
    sum += io::read_image(here.folder_.file("out/" + record.files[i]))[0];
  }
  EXPECT_TRUE(at::allclose(sum, at::ones({70, 80}), 0, 1e-4));
  EXPECT_TRUE(std::filesystem::exists(here.folder_.file("out/overlays/a.png")));
}

TEST(CasePrediction, AReferenceIsComparedOrToldOf) {
  CasePredictions here;
  const std::string mask = here.folder_.file("a_mask.png");
  io::write_png(mask, at::randint(3, {70, 80}, torch::kByte));
  const auto record =
      here.of("label_map", {1}, {{"a", {mask}}}).predict(here.case_);
  ASSERT_TRUE(record.dice);
  EXPECT_GE(*record.dice, 0);
  EXPECT_LE(*record.dice, 1);
  io::write_png(mask, at::zeros({7, 8}, torch::kByte));
  const auto without =
      here.of("label_map", {1}, {{"a", {mask}}}).predict(here.case_);
  EXPECT_FALSE(without.dice);
  EXPECT_THAT(without.reference_problem, HasSubstr("a_mask.png"));
}

TEST(CasePrediction, NothingOfOthersIsOverwritten) {
  CasePredictions here;
  here.request_.output = here.folder_.file("x");
  EXPECT_THROW(here.of("label_map", {1}).check_apart(here.case_), ConfigError);
  here.request_.output = here.folder_.file("out");
  const std::string mask = write_image(here.folder_, "out/a.png");
  const auto prediction = here.of("label_map", {1}, {{"a", {mask}}});
  EXPECT_THROW(prediction.check_apart(here.case_), ConfigError);
  EXPECT_EQ(prediction.file_there(here.case_), "a.png");
}

}  // namespace
}  // namespace unimiss::predict
