#include "train/batch_feed.h"

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace unimiss::train {
namespace {

/// Samples that hold their number.
class Rows : public data::Dataset {
 public:
  int64_t size() const override { return 8; }
  augment::Sample sample(int64_t index, Random& /*random*/) const override {
    const auto row = at::full({1, 64, 64}, static_cast<float>(index));
    return {{row}, row + 1};
  }
  std::string source(int64_t /*index*/) const override { return "row"; }
};

data::LoaderOptions options_for(torch::Device device) {
  data::LoaderOptions options;
  options.batch_size = 4;
  options.pin_memory = device.is_cuda();
  return options;
}

/// Batches that were copied ahead are those of the loader, in its order.
void expect_batches_in_order(torch::Device device) {
  data::Loader fed(std::make_shared<Rows>(), options_for(device));
  data::Loader plain(std::make_shared<Rows>(), options_for(device));
  BatchFeed feed;
  for (int i = 0; i < 8; ++i) {
    const augment::Sample batch = feed.next(fed, device);
    while (fed.ready() == 0) std::this_thread::yield();
    feed.prefetch(fed, device);
    EXPECT_EQ(feed.position(fed), i + 1);
    EXPECT_GE(feed.ready(fed), 1);
    const augment::Sample expected = plain.next();
    EXPECT_EQ(batch.images.at(0).device().type(), device.type());
    EXPECT_TRUE(batch.images.at(0).cpu().equal(expected.images.at(0))) << i;
    EXPECT_TRUE(batch.target.cpu().equal(expected.target)) << i;
  }
}

TEST(BatchFeed, KeepsTheOrderOfBatches) {
  expect_batches_in_order(torch::kCPU);
}

TEST(BatchFeed, CopiesBatchesBesideTheWorkOfAGpu) {
  if (!at::hasCUDA() || at::getNumGPUs() == 0) GTEST_SKIP() << "no GPU";
  expect_batches_in_order(torch::kCUDA);
}

}  // namespace
}  // namespace unimiss::train
