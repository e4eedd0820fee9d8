#include "unimiss/report/evaluation_report.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include <filesystem>

#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"
#include "unimiss/io/image.h"

namespace unimiss::report {
namespace {

using ::testing::HasSubstr;

/// Predictions and references of images of 8 x 8 pixels.
struct ToyImages {
  ToyImages() {
    std::filesystem::create_directories(folder.file("p"));
    std::filesystem::create_directories(folder.file("r"));
    request.predictions = folder.file("p");
    request.references = folder.file("r");
    request.output = folder.file("out/summary.json");
    request.classes = {"none", "box"};
    request.resamples = 100;
    for (const char* name : {"p/a.png", "r/a.png", "r/b.png"}) map(name, 4);
    map("p/b.png", 2);
  }
  /// The first rows are class 1.
  void map(const std::string& name, int64_t rows) const {
    torch::Tensor pixels = at::zeros({8, 8}, torch::kByte);
    pixels.slice(0, 0, rows).fill_(1);
    io::write_png(folder.file(name), pixels);
  }

  testing::TemporaryDirectory folder;
  EvaluationRequest request;
};

TEST(EvaluationReport, WritesASummaryAndItsTables) {
  ToyImages toy;
  const EvaluationReport report = evaluate_predictions(toy.request);
  EXPECT_EQ(report.cases, 2);
  EXPECT_THAT(report.describe(), HasSubstr("2 cases evaluated, 0 left out"));
  EXPECT_THAT(report.table, HasSubstr("| box | 0.8333 ["));
  const Summary summary = read_summary(toy.request.output);
  EXPECT_DOUBLE_EQ(*score(summary.results), (1 + 2.0 / 3) / 2);
  EXPECT_EQ(summary.evaluation->settings.target, "label_map");
  EXPECT_THAT(testing::read_bytes(toy.folder.file("out/summary.csv")),
              HasSubstr("case,b,box,0.666666667,"));
  EXPECT_THAT(testing::read_bytes(toy.folder.file("out/summary.md")),
              HasSubstr("HD (pixels)"));
  // Its own it writes over.
  EXPECT_EQ(evaluate_predictions(toy.request).cases, 2);
}

TEST(EvaluationReport, BadCasesAreToldOrLeftOut) {
  ToyImages toy;
  toy.map("p/c.png", 2);
  testing::write_bytes(toy.folder.file("r/b.png"), "no image");
  const std::string error = testing::error_text<DataError>(
      [&] { evaluate_predictions(toy.request); });
  EXPECT_THAT(error, HasSubstr("2 cases cannot be evaluated, so nothing is "
                               "written; correct this"));
  EXPECT_THAT(error, HasSubstr("c: has no reference in"));
  EXPECT_FALSE(std::filesystem::exists(toy.request.output));
  toy.request.skip_bad = true;
  const EvaluationReport report = evaluate_predictions(toy.request);
  EXPECT_EQ(report.cases, 1);
  ASSERT_EQ(report.bad.size(), 2u);
  EXPECT_EQ(report.bad[0].id, "b");
}

TEST(EvaluationReport, RefusesWhatCannotBeUsed) {
  ToyImages toy;
  const auto refuses = [&](const char* text) {
    EXPECT_THAT(testing::error_text<ConfigError>(
                    [&] { evaluate_predictions(toy.request); }),
                HasSubstr(text));
  };
  toy.request.tolerance = -1;
  refuses("--tolerance");
  toy.request.tolerance = 1;
  toy.request.compare = toy.folder.file("none.json");
  refuses("none.json: cannot be read");
  toy.request.compare.clear();
  toy.request.output = toy.folder.file("summary.txt");
  refuses("must end in .json");
  testing::write_bytes(toy.folder.file("x.json"), R"({"name": "of others"})");
  toy.request.output = toy.folder.file("x.json");
  refuses("is no summary of this program");
}

TEST(EvaluationReport, ComparesWithAnother) {
  ToyImages toy;
  evaluate_predictions(toy.request);
  toy.request.compare = toy.request.output;
  toy.request.output = toy.folder.file("out/better.json");
  toy.map("p/b.png", 4);
  EXPECT_THAT(evaluate_predictions(toy.request).table,
              HasSubstr("| box | Dice | 0.1667 [0.0000, 0.3333] | 1 | 2 |"));
}

}  // namespace
}  // namespace unimiss::report
