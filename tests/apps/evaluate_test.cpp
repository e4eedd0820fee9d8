#include <cmath>

#include "apps/toy_evaluation.h"

namespace unimiss {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::ProgramResult;
using testing::read_bytes;
using testing::write_bytes;

using Evaluate = testing::ToyEvaluation;

constexpr const char* kClasses = "--classes none,one,two ";

TEST_F(Evaluate, MeasuresVolumes) {
  two_cases();
  const ProgramResult result = evaluate(kClasses);
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("2 cases evaluated, 0 left out"));
  const json summary = made();
  const json& a = summary["metric_per_case"][0];
  EXPECT_EQ(a["case"], "a");
  EXPECT_EQ(a["prediction_file"], file("p/a.nii.gz"));
  const json& one = a["metrics"]["1"];
  EXPECT_EQ(one["TP"], 16);
  EXPECT_DOUBLE_EQ(one["Dice"], 2.0 / 3);
  EXPECT_DOUBLE_EQ(one["IoU"], 0.5);
  EXPECT_DOUBLE_EQ(one["HD"], 2);
  EXPECT_DOUBLE_EQ(one["HD95"], 2);
  EXPECT_NEAR(one["ASSD"], 2.0 / 3, 1e-6);
  EXPECT_NEAR(one["NSD"], 2.0 / 3, 1e-6);
  EXPECT_DOUBLE_EQ(one["VolumeDifference"], 0);
  for (const char* name : {"Dice", "HD95", "NSD", "VolumeDifference"}) {
    EXPECT_TRUE(a["metrics"]["2"][name].is_null()) << name;
  }
  // Class 2 of b is missing: 0, and the image's diagonal.
  const json& two = summary["mean"]["2"];
  EXPECT_DOUBLE_EQ(two["Dice"], 0);
  EXPECT_NEAR(two["HD95"], std::sqrt(500), 1e-6);
  EXPECT_DOUBLE_EQ(two["VolumeDifference"], -24 * 6);
  EXPECT_DOUBLE_EQ(summary["mean"]["1"]["Dice"], 5.0 / 6);
  EXPECT_DOUBLE_EQ(summary["foreground_mean"]["Dice"], 5.0 / 12);
  EXPECT_NEAR(summary["foreground_mean"]["HD"], (1 + std::sqrt(500)) / 2, 1e-6);
  const json& interval = summary["interval"]["mean"]["1"]["Dice"];
  EXPECT_DOUBLE_EQ(interval["low"], 2.0 / 3);
  EXPECT_DOUBLE_EQ(interval["high"], 1);
  EXPECT_TRUE(summary["interval"]["foreground_mean"]["Dice"].is_object());
  EXPECT_EQ(summary["evaluation"]["missing"]["count"], 1);
  EXPECT_EQ(summary["evaluation"]["missing"]["count_per_class"]["2"], 1);
  EXPECT_EQ(summary["classes"]["2"], "two");
  EXPECT_THAT(read_bytes(file("summary.md")),
              HasSubstr("| one | 0.8333 [0.6667, 1.0000] |"));
  EXPECT_THAT(read_bytes(file("summary.csv")),
              AllOf(HasSubstr("case,a,one,0.666666667,0.5,2,2,"),
                    HasSubstr("mean,,one,0.833333333,")));
}

TEST_F(Evaluate, FollowsTheRules) {
  two_cases();
  ASSERT_EQ(evaluate("--missing exclude --tolerance 2 " + std::string(kClasses))
                .status,
            0);
  const json summary = made();
  EXPECT_TRUE(summary["mean"]["2"]["HD"].is_null());
  EXPECT_DOUBLE_EQ(summary["mean"]["2"]["NSD"], 0);
  EXPECT_DOUBLE_EQ(summary["foreground_mean"]["HD"], 1);
  EXPECT_DOUBLE_EQ(summary["mean"]["1"]["NSD"], 1);
  EXPECT_EQ(summary["evaluation"]["missing"]["rule"], "exclude");
  EXPECT_EQ(summary["evaluation"]["tolerance_mm"], 2);
}

TEST_F(Evaluate, GivesTheSameBytesOnAnyNumberOfThreads) {
  two_cases();
  ASSERT_EQ(evaluate(kClasses + std::string("--threads 1")).status, 0);
  const std::string first = read_bytes(file("summary.json"));
  const std::string table = read_bytes(file("summary.md"));
  ASSERT_EQ(evaluate(kClasses + std::string("--threads 2")).status, 0);
  EXPECT_EQ(read_bytes(file("summary.json")), first);
  EXPECT_EQ(read_bytes(file("summary.md")), table);
}

TEST_F(Evaluate, TakesClassesAndValuesFromPredictJson) {
  for (const char* name : {"p/x.png", "r/x.png"}) {
    torch::Tensor map = at::zeros({20, 30}, torch::kByte);
    map.slice(0, 5, 10).slice(1, name[0] == 'p' ? 6 : 5, 10).fill_(255);
    io::write_png(file(name), map);
  }
  write_bytes(file("p/predict.json"),
              R"({"networks": [], "target": "label_map",
                  "classes": ["skin", "lesion"], "label_values": [0, 255]})");
  const ProgramResult result = evaluate("--pixel-spacing 0.5");
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, ::testing::Not(HasSubstr("not used")));
  const json summary = made();
  const json& lesion = summary["mean"]["1"];
  EXPECT_DOUBLE_EQ(lesion["Dice"], 40.0 / 45);
  EXPECT_DOUBLE_EQ(lesion["HD"], 0.5);
  EXPECT_DOUBLE_EQ(lesion["VolumeDifference"], -5 * 0.25);
  EXPECT_DOUBLE_EQ(lesion["RelativeVolumeError"], 0.2);
  EXPECT_EQ(summary["classes"]["1"], "lesion");
  EXPECT_TRUE(summary["interval"]["mean"]["1"]["Dice"].is_null());  // 1 case
  EXPECT_EQ(evaluate("--classes skin,nevus").status, 2);
}

TEST_F(Evaluate, MeasuresStructuresThatOverlapAndLists) {
  for (const char* side : {"p/", "r/"}) {
    volume(side + std::string("lung/a.nii.gz"), {{2, 1}});
    volume(side + std::string("heart/a.nii.gz"), {{side[0] == 'p' ? 4 : 3, 1}});
  }
  const std::string options = "--target structures --classes lung,heart ";
  ASSERT_EQ(evaluate(options).status, 0);
  const json folders = made();
  EXPECT_DOUBLE_EQ(folders["mean"]["0"]["Dice"], 1);
  EXPECT_DOUBLE_EQ(folders["mean"]["1"]["Dice"], 2.0 / 3);
  EXPECT_EQ(folders["classes"]["1"], "heart");

  volume("images/a.nii.gz", {});
  write_bytes(file("list.txt"),
              "images/a.nii.gz r/lung/a.nii.gz|r/heart/a.nii.gz\n");
  const ProgramResult result = evaluate(options, "l.json", "p", "list.txt");
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_EQ(made("l.json")["mean"], folders["mean"]);

  volume("p/heart/b.nii.gz", {});
  const ProgramResult lacks = evaluate(options);
  EXPECT_EQ(lacks.status, 1);
  EXPECT_THAT(lacks.output, AllOf(HasSubstr("b: has no prediction of lung"),
                                  HasSubstr("has no reference in")));
}

TEST_F(Evaluate, TellsOfEveryBadCaseAndWritesNothing) {
  two_cases();
  for (const char* id : {"c", "d", "e", "f", "g", "h", "i"}) {
    volume("r/" + std::string(id) + ".nii.gz", {{2, 1}});
  }
  volume("p/d.nii.gz", {{2, 7}});
  volume("p/e.nii.gz", {{2, 1}},
         [](auto& of) { of.voxels = of.voxels.slice(0, 1); });
  volume("p/f.nii.gz", {{2, 1}}, [](auto& of) { of.spacing[1] = 2.1; });
  volume("p/g.nii.gz", {{2, 1}}, [](auto& of) { of.origin[0] += 1; });
  volume("p/h.nii.gz", {{2, 1}}, [](auto& of) {
    of.axes = {{{0, 0, 1}, {0.1, 0.99498744, 0}, {0.99498744, -0.1, 0}}};
  });
  write_bytes(file("p/i.nii.gz"), "this is no volume");
  volume("p/j.nii.gz", {{2, 1}});
  const ProgramResult result = evaluate(kClasses);
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, HasSubstr("8 cases cannot be evaluated"));
  for (const char* text :
       {"c: has no prediction in", "holds the label 7", "has the size 3x8x10",
        "has the spacing (mm) 3x2.1x1", "has the origin", "has the direction",
        "p/i.nii.gz", "j: has no reference in"}) {
    EXPECT_THAT(result.output, HasSubstr(text));
  }
  for (const char* name : {"summary.json", "summary.md", "summary.csv"}) {
    EXPECT_FALSE(exists(name)) << name;
  }

  const ProgramResult skipped = evaluate(kClasses + std::string("--skip-bad"));
  ASSERT_EQ(skipped.status, 0) << skipped.output;
  const json summary = made();
  EXPECT_EQ(summary["metric_per_case"].size(), 2u);
  EXPECT_EQ(summary["bad_cases"].size(), 8u);
  EXPECT_EQ(summary["bad_cases"][0]["case"], "c");
  EXPECT_THAT(read_bytes(file("summary.md")),
              HasSubstr("- d: " + file("p/d.nii.gz") + ": holds the label 7"));
}

TEST_F(Evaluate, NeedsAGoodCaseEvenWhereBadOnesAreSkipped) {
  volume("p/a.nii.gz", {{2, 1}});
  volume("r/b.nii.gz", {{2, 1}});
  const ProgramResult result = evaluate(kClasses + std::string("--skip-bad"));
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, HasSubstr("no case is good"));
  EXPECT_FALSE(exists("summary.json"));
}

TEST_F(Evaluate, RefusesWhatCannotBeUsedAtAll) {
  two_cases();
  write_bytes(file("list.csv"), "image,label\np/a.nii.gz,nowhere.nii.gz\n");
  const auto refuses = [&](const ProgramResult& result, const char* text) {
    EXPECT_EQ(result.status, 2) << text;
    EXPECT_THAT(result.output, HasSubstr(text));
  };
  const std::string classes = kClasses;
  refuses(evaluate(""), "--classes: are needed");
  refuses(evaluate("--classes none"), "classes");
  refuses(evaluate(classes + "--target organs"), "organs");
  refuses(evaluate(classes + "--tolerance -1"), "--tolerance");
  refuses(evaluate(classes + "--pixel-spacing 0"), "--pixel-spacing");
  refuses(evaluate(classes, "summary.txt"), "--output: must end in .json");
  refuses(evaluate(classes, "list.json", "p", "list.csv"), "would write over");
  refuses(evaluate(classes, "s.json", "nowhere"), "nowhere does not exist");
  refuses(evaluate(classes, "s.json", "p", "list.csv"), "nowhere.nii.gz");
  refuses(evaluate(classes + "--compare " + file("x.json")), "cannot be read");
  refuses(evaluate("--target structures --classes one"), "one");
  std::filesystem::create_directories(file("empty"));
  refuses(evaluate(classes, "s.json", "empty"), "holds no label maps");
  EXPECT_FALSE(exists("s.json"));
  write_bytes(file("README.md"), "of others");
  refuses(evaluate(classes, "README.json"), "is no summary of this program");
  EXPECT_EQ(read_bytes(file("README.md")), "of others");
  write_bytes(file("dataset.json"), R"({"name": "of others"})");
  refuses(evaluate(classes, "dataset.json"), "is no summary of this program");
  EXPECT_EQ(read_bytes(file("dataset.json")), R"({"name": "of others"})");
}

TEST_F(Evaluate, ComparesWithAnotherSummary) {
  two_cases();
  ASSERT_EQ(evaluate(kClasses, "other.json").status, 0);
  volume("p/a.nii.gz", {{2, 1}});
  const ProgramResult result =
      evaluate(kClasses + ("--compare " + file("other.json")));
  ASSERT_EQ(result.status, 0) << result.output;
  const json compared = made()["comparison"];
  EXPECT_EQ(compared["cases"], 2);
  const json& dice = compared["mean"]["1"]["Dice"];  // 1/3 and 0
  EXPECT_NEAR(dice["difference"], 1.0 / 6, 1e-12);
  EXPECT_NEAR(dice["low"], 0, 1e-12);
  EXPECT_NEAR(dice["high"], 1.0 / 3, 1e-12);
  EXPECT_EQ(dice["p_value"], 1);
  EXPECT_NEAR(compared["mean"]["1"]["HD"]["difference"], -1, 1e-12);
  EXPECT_NEAR(compared["foreground_mean"]["Dice"]["difference"], 1.0 / 6,
              1e-12);
  EXPECT_THAT(read_bytes(file("summary.md")),
              HasSubstr("| one | Dice | 0.1667 [0.0000, 0.3333] | 1 | 2 |"));
  EXPECT_EQ(
      evaluate(kClasses + ("--tolerance 3 --compare " + file("other.json")))
          .status,
      2);
}

}  // namespace
}  // namespace unimiss
