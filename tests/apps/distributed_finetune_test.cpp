// A fine-tuning in several processes: training, validation and test are those
// of one.
#include <gmock/gmock.h>

#include <filesystem>

#include "apps/toy_finetuning.h"
#include "testing/state_difference.h"
#include "unimiss/io/tensor_archive.h"

namespace unimiss {
namespace {

using ::testing::HasSubstr;
using testing::read_bytes;

class DistributedFinetune : public testing::ToyFinetuning {
 protected:
  DistributedFinetune() {
    label_maps("train", 6);
    label_maps("val", 3);
    label_maps("test", 2);
  }

  std::string arguments(const std::string& more = "") const {
    return "'task.classes=[background, box, part]' run.epochs=2"
           " run.checkpoint_every_steps=1 run.keep_checkpoints=99"
           " data.batch_size=4 data.samples_per_epoch=8"
           " data.train=" +
           file("train.txt") + " data.validation_lists=" + file("val.txt") +
           " data.test=" + file("test.txt") + " " + more;
  }

  std::map<std::string, torch::Tensor> weights(const std::string& output,
                                               const char* which) const {
    return io::load_tensors(file(output + "/export/" + which + ".safetensors"));
  }
  double difference(const std::string& one, const std::string& other,
                    const char* which = "last") const {
    return testing::relative_difference(weights(one, which),
                                        weights(other, which));
  }
};

TEST_F(DistributedFinetune, TwoProcessesTrainAndTestAsOne) {
  const auto one = finetune(arguments(), "one");
  ASSERT_EQ(one.status, 0) << one.output;
  const auto two = finetune(arguments("--nproc-per-node 2"), "two");
  ASSERT_EQ(two.status, 0) << two.output;
  EXPECT_THAT(two.output, HasSubstr("Fine-tuning finished"));
  // Sums are formed in another order, and AdamW makes steps of gradients that
  // are nothing but rounding: 4e-7 to 1.1e-5, by the instructions of the CPU.
  // In double the two agree to 1e-8 (finetune/finetuner_steps).
  EXPECT_LT(difference("one", "two"), 1e-4);
  const auto expected = metrics("one"), found = metrics("two");
  ASSERT_EQ(found.size(), expected.size());
  int validations = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    const char* key = "loss";
    if (found[i]["phase"] == "validation") {
      key = "dice";
      ++validations;
    }
    EXPECT_NEAR(found[i][key].get<double>(), expected[i][key].get<double>(),
                1e-3);
  }
  EXPECT_EQ(validations, 2);
  // Cases in their order, each once, whoever predicted them.
  const auto test = json("two/test/summary.json"),
             alone = json("one/test/summary.json");
  ASSERT_EQ(test["metric_per_case"].size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    const auto& a = test["metric_per_case"][i]["metrics"]["1"];
    const auto& b = alone["metric_per_case"][i]["metrics"]["1"];
    EXPECT_NEAR(a["Dice"].get<double>(), b["Dice"].get<double>(), 1e-2);
    EXPECT_EQ(a["n_ref"], b["n_ref"]);
  }
  EXPECT_EQ(json("two/validation/summary.json")["metric_per_case"].size(), 3u);
  for (const char* name : {"test0", "test1"}) {
    EXPECT_TRUE(
        exists("two/test/predictions/" + std::string(name) + ".nii.gz"));
  }
  // The same again from the middle, to the last bit.
  const auto again =
      finetune(arguments("--nproc-per-node 2 --resume " +
                         file("two/checkpoints/step_00000003.safetensors")),
               "again");
  ASSERT_EQ(again.status, 0) << again.output;
  for (const char* which : {"last", "last_average", "best"}) {
    EXPECT_EQ(difference("two", "again", which), 0) << which;
  }
  EXPECT_EQ(read_bytes(file("two/test/predictions/test1.nii.gz")),
            read_bytes(file("again/test/predictions/test1.nii.gz")));
  // What is finished is told, not done again.
  const auto finished = finetune(arguments("--nproc-per-node 2"), "two");
  EXPECT_EQ(finished.status, 0) << finished.output;
  EXPECT_THAT(finished.output, HasSubstr("is there already"));
}

TEST_F(DistributedFinetune, AStopIsAgreedUponAndGoesOn) {
  const std::string limit = " --nproc-per-node 2 run.time_limit=0.001";
  ASSERT_EQ(finetune(arguments("--nproc-per-node 2"), "whole").status, 0);
  int starts = 0;
  testing::ProgramResult result;
  do {
    result = finetune(arguments(limit), "run");
  } while (result.status == 75 && ++starts < 12);
  // The last one has steps no more, but a time limit to test in.
  if (result.status == 75) {
    result = finetune(arguments("--nproc-per-node 2"), "run");
  }
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_EQ(difference("whole", "run"), 0);
}

TEST_F(DistributedFinetune, BatchesAreDividedEvenly) {
  const auto result =
      finetune(arguments("--nproc-per-node 2 optimizer.accumulate=4"), "run");
  EXPECT_EQ(result.status, 2) << result.output;
  EXPECT_THAT(result.output, HasSubstr("data.batch_size: must be a multiple of "
                                       "8, the number of processes times 4"));
}

}  // namespace
}  // namespace unimiss
