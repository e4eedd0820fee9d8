#include "train/nonfinite_record.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"
#include "unimiss/io/tensor_archive.h"

namespace unimiss::train {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// Two samples, the second of which is not finite.
augment::Views damaged_batch() {
  augment::Views batch{at::ones({2, 3}), at::ones({2, 3})};
  batch.second[1][2] = NAN;
  return batch;
}

StepRecord record_of(int64_t step) {
  StepRecord record;
  record.step = step;
  record.phase = "2d";
  record.loss = NAN;
  record.grad_norm = 2;
  return record;
}

TEST(NonfiniteRecord, TellsWhichSampleItWas) {
  const testing::TemporaryDirectory folder;
  const augment::Views batch = damaged_batch();
  const auto samples = judge_samples({}, batch, {"0: a.nii", "1: b.nii"});
  const std::string file =
      write_nonfinite(folder.file("nonfinite"), record_of(42), batch, samples);
  EXPECT_EQ(file, folder.file("nonfinite/step_00000042.json"));
  const auto json = nlohmann::json::parse(testing::read_bytes(file));
  EXPECT_TRUE(json["loss"].is_null());
  EXPECT_EQ(json["grad_norm"], 2);
  EXPECT_EQ(json["samples"][0]["views_are_finite"], true);
  EXPECT_EQ(json["samples"][1]["sample"], "1: b.nii");
  EXPECT_EQ(json["samples"][1]["views_are_finite"], false);
  EXPECT_EQ(io::load_tensors(folder.file("nonfinite/step_00000042.safetensors"))
                .size(),
            2u);
}

TEST(NonfiniteRecord, ARunEndsByItOrPassesSomeOver) {
  const testing::TemporaryDirectory folder;
  const RunFolder run(folder.path().string());
  const StepRecord record = record_of(7);
  const augment::Views batch = damaged_batch();
  RunOptions options;
  const auto pass_over = [&](int64_t count) {
    pass_over_nonfinite({}, options, run, {record, batch, {"a", "b"}}, count);
  };
  EXPECT_THAT([&] { pass_over(1); },
              ThrowsMessage<RunError>(AllOf(HasSubstr("step 7 (2d): loss nan"),
                                            HasSubstr("step_00000007.json"))));
  options.on_nonfinite = OnNonFinite::kSkip;
  options.max_nonfinite = 2;
  pass_over(2);
  EXPECT_THAT([&] { pass_over(3); },
              ThrowsMessage<RunError>(HasSubstr("That makes 3 such steps")));
}

}  // namespace
}  // namespace unimiss::train
