#include "unimiss/train/batch_feed.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

namespace unimiss::train {
namespace {

/// Samples with a target that hold their number. What a GPU adds:
/// tests/pretrain/gpu_test.cpp.
class Rows : public data::Dataset {
 public:
  int64_t size() const override { return 8; }
  augment::Sample sample(int64_t index, Random& /*random*/) const override {
    const auto row = at::full({2}, static_cast<float>(index));
    return {{row}, row + 1};
  }
  std::string source(int64_t /*index*/) const override { return "row"; }
};

std::unique_ptr<data::Loader> loader_of(int64_t workers) {
  data::LoaderOptions options;
  options.batch_size = 4;
  options.workers = workers;
  return std::make_unique<data::Loader>(std::make_shared<Rows>(), options);
}

TEST(BatchFeed, HandsOnTheLoadersBatches) {
  const auto fed = loader_of(2), plain = loader_of(0);
  BatchFeed feed;
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(feed.position(*fed), i);
    const augment::Sample batch = feed.next(*fed, torch::kCPU);
    if (i % 2 == 0) {  // ahead or not, it is the same
      while (fed->ready() == 0) std::this_thread::yield();
      feed.prefetch(*fed, torch::kCPU);
      EXPECT_GE(feed.ready(*fed), 1);
    }
    EXPECT_EQ(feed.position(*fed), i + 1);
    const augment::Sample expected = plain->next();
    EXPECT_TRUE(batch.images.at(0).equal(expected.images.at(0))) << i;
    EXPECT_TRUE(batch.target.equal(expected.target)) << i;
  }
}

TEST(BatchFeed, WhatIsNotPreparedIsNotFetched) {
  const auto loader = loader_of(0);  // prepares inside of next() alone
  BatchFeed feed;
  feed.prefetch(*loader, torch::kCPU);
  EXPECT_EQ(loader->position(), 0);
  EXPECT_EQ(feed.ready(*loader), 0);
}

TEST(BatchFeed, TheOneThatWasFetchedMustBeAskedFor) {
  const auto one = loader_of(2), other = loader_of(0);
  BatchFeed feed;
  while (one->ready() == 0) std::this_thread::yield();
  feed.prefetch(*one, torch::kCPU);
  EXPECT_EQ(feed.position(*one), 0);
  EXPECT_THROW(feed.next(*other, torch::kCPU), c10::Error);
}

}  // namespace
}  // namespace unimiss::train
