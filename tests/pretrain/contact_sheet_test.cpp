#include "unimiss/pretrain/contact_sheet.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "testing/temporary_directory.h"
#include "unimiss/io/image.h"

namespace unimiss::pretrain {
namespace {

const Curves kTerms{{"image", {{1, 3}, {5, 4}}}};
const Curves kEntropies{{"2d", {{1, 3}, {2, 2}}}};

augment::Sample batch_of(const std::vector<int64_t>& shape) {
  return {{at::rand(shape), at::rand(shape)}, {}};
}

torch::Tensor drawn(const ContactSheet& sheet) {
  const unimiss::testing::TemporaryDirectory folder;
  sheet.write(folder.file("sheet.png"), kTerms, kEntropies);
  return io::read_pixels(folder.file("sheet.png"));
}

TEST(ContactSheet, EachKindHasARowOfItsOwn) {
  ContactSheet sheet;
  const int64_t curves = drawn(sheet).size(1);
  sheet.add_views(batch_of({2, 3, 32, 32}));
  const int64_t images = drawn(sheet).size(1);
  EXPECT_GT(images, curves);
  sheet.add_views(batch_of({2, 1, 4, 32, 32}));
  EXPECT_GT(drawn(sheet).size(1), images);
}

/// Later batches change nothing any more.
TEST(ContactSheet, SixSamplesOfAKindAreEnough) {
  ContactSheet sheet;
  sheet.add_views(batch_of({4, 3, 32, 32}));
  const torch::Tensor four = drawn(sheet);
  sheet.add_views(batch_of({4, 3, 32, 32}));
  const torch::Tensor six = drawn(sheet);
  EXPECT_FALSE(six.sizes() == four.sizes() && six.equal(four));
  sheet.add_views(batch_of({4, 3, 32, 32}));
  EXPECT_TRUE(drawn(sheet).equal(six));
}

/// What is kept does not change with the batch it came from.
TEST(ContactSheet, HoldsCopies) {
  ContactSheet sheet;
  const augment::Sample batch = batch_of({2, 3, 32, 32});
  sheet.add_views(batch);
  const torch::Tensor before = drawn(sheet);
  batch.images[0].zero_();
  EXPECT_TRUE(drawn(sheet).equal(before));
}

}  // namespace
}  // namespace unimiss::pretrain
