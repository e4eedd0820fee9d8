#include "unimiss/data/loader.h"

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <future>
#include <set>
#include <thread>

#include "testing/error_text.h"
#include "unimiss/core/error.h"

namespace unimiss::data {
namespace {

using ::testing::HasSubstr;

/// Samples that show their index and their first draw.
class Numbers : public Dataset {
 public:
  explicit Numbers(int64_t size, int64_t broken = -1)
      : size_(size), broken_(broken) {}
  int64_t size() const override { return size_; }
  augment::Sample sample(int64_t index, Random& random) const override {
    if (index == broken_) throw DataError("broken.png", "is damaged");
    // Uneven work, so that samples finish out of order.
    std::this_thread::sleep_for(std::chrono::microseconds(index % 3 * 200));
    ++calls;
    const auto draw = static_cast<float>(random.uniform());
    return {
        {torch::full({1}, static_cast<float>(index)), torch::full({1}, draw)},
        {}};
  }
  std::string source(int64_t index) const override {
    return std::to_string(index) + ".png";
  }
  mutable std::atomic<int> calls = 0;

 private:
  int64_t size_, broken_;
};

LoaderOptions options_with(int64_t batch, int64_t workers) {
  LoaderOptions options;
  options.batch_size = batch;
  options.workers = workers;
  options.queue_batches = 3;
  options.seed = 11;
  return options;
}

std::vector<augment::Sample> batches(const LoaderOptions& options, int count,
                                     int64_t from = 0) {
  Loader loader(std::make_shared<Numbers>(10), options);
  if (from > 0) loader.seek(from);
  std::vector<augment::Sample> result;
  for (int i = 0; i < count; ++i) {
    EXPECT_EQ(loader.position(), from + i);
    result.push_back(loader.next());
  }
  return result;
}

bool equal(const augment::Sample& a, const augment::Sample& b) {
  return a.images[0].equal(b.images[0]) && a.images[1].equal(b.images[1]);
}

TEST(Loader, BatchesDoNotDependOnTheWorkers) {
  const auto expected = batches(options_with(4, 0), 12);
  for (int64_t workers : {1, 2, 8}) {
    const auto found = batches(options_with(4, workers), 12);
    for (int i = 0; i < 12; ++i) EXPECT_TRUE(equal(found[i], expected[i])) << i;
  }
}

TEST(Loader, EveryEpochIsAnotherPermutation) {
  std::vector<float> stream;
  for (const auto& views : batches(options_with(4, 2), 5)) {
    const float* values = views.images[0].data_ptr<float>();
    stream.insert(stream.end(), values, values + 4);
  }
  const std::vector<float> one(stream.begin(), stream.begin() + 10);
  const std::vector<float> two(stream.begin() + 10, stream.end());
  EXPECT_EQ(std::set<float>(one.begin(), one.end()).size(), 10u);
  EXPECT_EQ(std::set<float>(two.begin(), two.end()).size(), 10u);
  EXPECT_NE(one, two);
  EXPECT_FALSE(std::is_sorted(one.begin(), one.end()));
}

TEST(Loader, SamplesDrawFromSeedEpochAndIndex) {
  const auto batch = batches(options_with(10, 0), 2)[1];
  for (int64_t row = 0; row < 10; ++row) {
    const auto index =
        static_cast<uint64_t>(batch.images[0][row].item<float>());
    Random random({11, 1, index});
    EXPECT_EQ(batch.images[1][row].item<float>(),
              static_cast<float>(random.uniform()));
  }
}

TEST(Loader, SeekContinuesTheSameStream) {
  const auto expected = batches(options_with(3, 0), 9);
  for (int64_t workers : {0, 2}) {
    const auto found = batches(options_with(3, workers), 2, 7);
    EXPECT_TRUE(equal(found[0], expected[7]));
    EXPECT_TRUE(equal(found[1], expected[8]));
    Loader loader(std::make_shared<Numbers>(10), options_with(3, workers));
    for (int64_t batch : {0, 8, 2, 5}) {  // also backwards, while busy
      loader.seek(batch);
      EXPECT_TRUE(equal(loader.next(), expected[batch])) << batch;
      EXPECT_EQ(loader.position(), batch + 1);
    }
  }
}

TEST(Loader, ProcessesShareEachBatch) {
  const auto whole = batches(options_with(6, 0), 3);
  for (int64_t rank = 0; rank < 3; ++rank) {
    auto options = options_with(6, 2);
    options.rank = rank;
    options.world = 3;
    const auto part = batches(options, 3);
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(part[i].images[1].equal(
          whole[i].images[1].slice(0, 2 * rank, 2 * rank + 2)));
    }
  }
}

TEST(Loader, ProcessesShareEachPartOfABatch) {
  const auto whole = batches(options_with(12, 0), 2);
  for (int64_t rank = 0; rank < 3; ++rank) {
    auto options = options_with(12, 2);
    options.rank = rank;
    options.world = 3;
    options.parts = 2;
    const auto own = batches(options, 2);
    for (int i = 0; i < 2; ++i) {
      const auto halves = whole[i].images[1].chunk(2);
      EXPECT_TRUE(own[i].images[1].equal(
          torch::cat({halves[0].chunk(3)[rank], halves[1].chunk(3)[rank]})));
    }
  }
  auto options = options_with(6, 0);
  options.world = 3;
  options.parts = 4;
  EXPECT_THROW(batches(options, 1), ConfigError);
}

/// One sample of which never comes, until it is let go.
class Stalling : public Numbers {
 public:
  explicit Stalling(std::shared_future<void> release)
      : Numbers(10), release_(std::move(release)) {}
  augment::Sample sample(int64_t index, Random& random) const override {
    if (index == 7) release_.wait();
    return Numbers::sample(index, random);
  }

 private:
  std::shared_future<void> release_;
};

TEST(Loader, ASampleThatDoesNotComeIsNamed) {
  std::promise<void> release;
  {
    auto options = options_with(10, 2);
    options.stall_seconds = 0.3;
    Loader loader(std::make_shared<Stalling>(release.get_future().share()),
                  options);
    const std::string error =
        unimiss::testing::error_text<RunError>([&] { loader.next(); });
    EXPECT_THAT(error, HasSubstr("sample 7 (visit 0)"));
    EXPECT_THAT(error, HasSubstr("7.png"));
  }  // does not wait for it
  release.set_value();
}

TEST(Loader, AFailureNamesTheFileAndLasts) {
  for (int64_t workers : {0, 1, 4}) {
    Loader loader(std::make_shared<Numbers>(10, 3), options_with(10, workers));
    for (int attempt = 0; attempt < 2; ++attempt) {
      const std::string error =
          unimiss::testing::error_text<DataError>([&] { loader.next(); });
      EXPECT_THAT(error, HasSubstr("sample 3 (visit 0)"));
      EXPECT_THAT(error, HasSubstr("broken.png: is damaged"));
      EXPECT_EQ(loader.position(), 0);
    }
  }
}

TEST(Loader, TellsHowManyBatchesWait) {
  Loader loader(std::make_shared<Numbers>(10), options_with(2, 2));
  loader.next();
  while (loader.ready() < 3) std::this_thread::yield();
  // Without workers nothing is ready before it is asked for.
  Loader alone(std::make_shared<Numbers>(10), options_with(2, 0));
  alone.next();
  EXPECT_EQ(alone.ready(), 0);
}

TEST(Loader, WeightedSourcesAreTheSameForAnyWorkers) {
  auto options = options_with(5, 0);
  options.sources = {{8, 1}, {2, 1}};
  const auto expected = batches(options, 8);
  options.workers = 3;
  const auto found = batches(options, 8);
  int64_t second = 0;
  for (int i = 0; i < 8; ++i) {
    EXPECT_TRUE(equal(found[i], expected[i])) << i;
    second += (found[i].images[0] >= 8).sum().item<int64_t>();
  }
  EXPECT_EQ(second, 20);  // half of 40, though they are a fifth of the samples
}

TEST(Loader, PreparesNoFurtherAheadThanAsked) {
  const auto numbers = std::make_shared<Numbers>(10);
  Loader loader(numbers, options_with(2, 2));
  loader.next();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(numbers->calls, 2 * (1 + 3));
}

TEST(Loader, StopsAtAnyMoment) {
  for (int i = 0; i < 30; ++i) {
    Loader loader(std::make_shared<Numbers>(10), options_with(4, 4));
    if (i % 3 > 0) loader.seek(i);
    if (i % 3 > 1) loader.next();
  }
}

TEST(Loader, OptionsAreChecked) {
  const auto numbers = std::make_shared<Numbers>(10);
  LoaderOptions options = options_with(5, 0);
  options.world = 2;
  EXPECT_THROW(Loader(numbers, options), ConfigError);
  EXPECT_THROW(Loader(std::make_shared<Numbers>(0), {}), ConfigError);
}

}  // namespace
}  // namespace unimiss::data
