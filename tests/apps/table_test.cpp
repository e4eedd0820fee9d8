// A table of fine-tunings, from nothing to Markdown, by the programs
// themselves.
#include <gmock/gmock.h>

#include <filesystem>

#include "apps/toy_finetuning.h"

namespace unimiss {
namespace {

namespace fs = std::filesystem;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using Json = nlohmann::json;
using testing::read_bytes;

class Table : public testing::ToyFinetuning {
 protected:
  testing::ProgramResult table(const std::string& more) const {
    return testing::run_program(
        "unimiss-table",
        "--config " + file("toy.yaml") + " --output " + file("table") + " " +
            more +
            " 'task.classes=[background,rim,core]' run.max_steps=2 "
            "data.train=" +
            file("train.txt") + " data.test=" + file("test.txt"));
  }

  double dice_of(const std::string& run) const {
    return json("table/" + run +
                "/test/summary.json")["foreground_mean"]["Dice"];
  }
};

TEST_F(Table, RunsWhatIsMissingAndComparesWithTheFirst) {
  label_maps("train", 6);
  label_maps("test", 3);
  const auto weights = pretrain("pretrained");
  ASSERT_EQ(weights.status, 0) << weights.output;
  const std::string call = "--init scratch --init again=" + file("pretrained") +
                           " --label-ratio 0.4,1 --seed 1,2 --title Toy";
  auto result = table(call + " --dry-run");
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("8 of 8 runs are missing"));
  EXPECT_FALSE(exists("table"));
  result = table(call);
  ASSERT_EQ(result.status, 0) << result.output;
  const std::string text = read_bytes(file("table/table.md"));
  EXPECT_THAT(text, HasSubstr("# Toy"));
  EXPECT_THAT(text, HasSubstr("| initialisation | 40 % of labels | 100 % of "
                              "labels |"));
  const double one = 100 * dice_of("scratch/ratio_1/seed_1");
  const double two = 100 * dice_of("scratch/ratio_1/seed_2");
  EXPECT_NE(one, two);
  char expected[64];
  std::snprintf(expected, sizeof expected, "%.2f ± %.2f |", (one + two) / 2,
                std::abs(one - two) / std::sqrt(2.0));
  EXPECT_THAT(text, HasSubstr(expected));
  EXPECT_THAT(text, ContainsRegex("\\| again \\| [+-][0-9.]+ \\[[+-][0-9.]+, "
                                  "[+-][0-9.]+\\], p [0-9.]+ \\|"));
  EXPECT_TRUE(exists("table/table.png"));

  // Only what is missing is run again; the table stays the same.
  fs::remove_all(file("table/again/ratio_0.4/seed_2"));
  result = table(call);
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("1 of 8 runs are missing"));
  EXPECT_EQ(read_bytes(file("table/table.md")), text);

  // Others' runs are not taken for these.
  result = table(call + " optimizer.lr=0.02");
  EXPECT_EQ(result.status, 2) << result.output;
  EXPECT_THAT(result.output, HasSubstr("with other settings"));
  // Nor are runs of other weights of the same name, or another list.
  fs::copy_file(file("pretrained/export/teacher.safetensors"),
                file("pretrained/export/student.safetensors"),
                fs::copy_options::overwrite_existing);
  result = table(call);
  EXPECT_EQ(result.status, 2) << result.output;
  EXPECT_THAT(result.output, HasSubstr("again/ratio_0.4/seed_1"));
  // Nor one whose settings nobody knows.
  fs::remove(file("table/scratch/ratio_1/seed_1/table_settings.yaml"));
  result = table("--init scratch --seed 1 --title Toy");
  EXPECT_EQ(result.status, 2) << result.output;
  EXPECT_THAT(result.output, HasSubstr("is a run, but not of this table"));
}

TEST_F(Table, TellsOfRunsThatFail) {
  label_maps("train", 4);
  label_maps("test", 1);
  testing::write_bytes(file("bad.safetensors"), "no weights");
  const auto result = table(
      "--init scratch --init bad=" + file("bad.safetensors") + " --seed 1");
  EXPECT_EQ(result.status, 1) << result.output;
  EXPECT_THAT(result.output, HasSubstr("bad/ratio_1/seed_1 (exit status 2)"));
  EXPECT_THAT(read_bytes(file("table/table.md")), HasSubstr("| bad | - |"));
}

TEST_F(Table, RefusesWhatCannotBe) {
  label_maps("train", 2);
  label_maps("test", 1);
  for (const auto& [arguments, why] :
       std::vector<std::pair<std::string, std::string>>{
           {"--init random", "must be scratch, or NAME=WEIGHTS"},
           {"--init a=" + file("gone"), "does not exist"},
           {"--init 'a/b=" + file("train.txt") + "'", "name of a folder"},
           {"--init scratch --init scratch", "twice"},
           {"--init scratch --seed 1,1", "--seed: names a value twice"},
           {"--init scratch --label-ratio 2", "label_ratio"}}) {
    const auto result = table(arguments);
    EXPECT_EQ(result.status, 2) << result.output;
    EXPECT_THAT(result.output, HasSubstr(why));
  }
  EXPECT_FALSE(exists("table"));
}

}  // namespace
}  // namespace unimiss
