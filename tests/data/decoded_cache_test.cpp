#include "unimiss/data/decoded_cache.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>

#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using unimiss::testing::read_bytes;
using unimiss::testing::TemporaryDirectory;
using unimiss::testing::write_bytes;

/// Sources whose one byte is what they decode to; "x" cannot be decoded.
class DecodedCache : public ::testing::Test {
 protected:
  std::string source(const std::string& name, const std::string& bytes) {
    write_bytes(folder_.file(name), bytes);
    return folder_.file(name);
  }

  std::unique_ptr<data::DecodedCache> cache(
      std::vector<std::string> sources, double gib = 1,
      const std::string& parameters = "") {
    return std::make_unique<data::DecodedCache>(
        std::move(sources), parameters,
        [this](const std::string& path) {
          ++decoded_;
          const std::string bytes = read_bytes(path);
          if (bytes == "x") throw DataError(path, "is damaged");
          return data::Decoded{
              torch::full({4, 8, 8}, bytes.at(0), torch::kInt16)};
        },
        data::DecodedCacheOptions{folder_.file("cache"), gib}, "things");
  }

  std::vector<fs::path> entries() const {
    std::vector<fs::path> files;
    for (const auto& file :
         fs::recursive_directory_iterator(folder_.file("cache"))) {
      if (file.path().extension() == ".nii") files.push_back(file.path());
    }
    return files;
  }

  static int value(const torch::Tensor& voxels) {
    return voxels[0][0][0].item<int>();
  }

  TemporaryDirectory folder_;
  std::atomic<int> decoded_ = 0;
};

TEST_F(DecodedCache, DecodesOnceForAllRuns) {
  const std::vector<std::string> sources{source("a", "a"), source("b", "b")};
  for (int run = 0; run < 2; ++run) {
    const auto things = cache(sources);
    EXPECT_EQ(value(things->get(1)), 'b');
    EXPECT_EQ(value(things->get(0)), 'a');
    EXPECT_EQ(value(things->get(1)), 'b');
  }
  EXPECT_EQ(decoded_, 2);
}

TEST_F(DecodedCache, AChangedSourceOrParameterIsAnotherEntry) {
  const std::string a = source("a", "a");
  EXPECT_EQ(value(cache({a})->get(0)), 'a');
  cache({a}, 1, "other")->get(0);
  EXPECT_EQ(decoded_, 2);
  write_bytes(a, "b");
  fs::last_write_time(a, fs::last_write_time(a) + std::chrono::seconds(2));
  EXPECT_EQ(value(cache({a})->get(0)), 'b');
  EXPECT_EQ(decoded_, 3);
  // A folder, e.g. of a DICOM series, changes with its files.
  fs::create_directory(folder_.file("series"));
  source("series/1", "1");
  auto files = [&] {
    return data::DecodedCache(
        {folder_.file("series")}, "",
        [this](const std::string&) {
          ++decoded_;
          return data::Decoded{torch::ones({1, 1, 1}, torch::kInt16)};
        },
        {folder_.file("cache"), 1}, "series");
  };
  files().get(0);
  files().get(0);
  EXPECT_EQ(decoded_, 4);
  source("series/2", "2");
  files().get(0);
  EXPECT_EQ(decoded_, 5);
}

TEST_F(DecodedCache, AnEntryIsMadeOfFurtherFilesToo) {
  const std::string a = source("a", "a"), map = source("map", "m");
  const auto things =
      [&](const std::vector<std::vector<std::string>>& further) {
        return data::DecodedCache(
            {a}, "",
            [this](const std::string&) {
              ++decoded_;
              return data::Decoded{torch::ones({1, 1, 1}, torch::kInt16)};
            },
            {folder_.file("cache"), 1}, "things", further);
      };
  for (int run = 0; run < 2; ++run) things({{map}}).get(0);
  EXPECT_EQ(decoded_, 1);
  things({{}}).get(0);
  EXPECT_EQ(decoded_, 2);
  things({{map, a}}).get(0);
  EXPECT_EQ(decoded_, 3);
  fs::last_write_time(map, fs::last_write_time(map) + std::chrono::seconds(2));
  things({{map}}).get(0);
  EXPECT_EQ(decoded_, 4);
  fs::remove(map);
  EXPECT_THAT([&] { things({{map}}).get(0); },
              ::testing::ThrowsMessage<DataError>(HasSubstr("/map")));
  EXPECT_EQ(things({{map}}).fill(1).size(), 1u);
}

TEST_F(DecodedCache, TellsTheSpacingOfEntries) {
  const std::array<double, 3> spacing{2.5, 0.7421875, 1.25};
  const data::DecodedCache things(
      {source("a", "a")}, "",
      [&](const std::string&) {
        return data::Decoded{torch::ones({2, 3, 4}, torch::kInt16), spacing};
      },
      {folder_.file("cache"), 1}, "things");
  for (int visit = 0; visit < 2; ++visit) {
    EXPECT_EQ(things.decoded(0).spacing, spacing);
    EXPECT_THAT(things.decoded(0).voxels.sizes(), ElementsAre(2, 3, 4));
  }
}

TEST_F(DecodedCache, DamagedEntriesAreMadeAgain) {
  const std::string a = source("a", "a");
  cache({a})->get(0);
  const std::string path = entries().at(0).string();
  const std::string good = read_bytes(path);
  for (const std::string& damaged :
       {good.substr(0, good.size() / 2), std::string(), good + "x",
        std::string(good).replace(400, 1, "z")}) {
    write_bytes(path, damaged);
    EXPECT_EQ(value(cache({a})->get(0)), 'a');
    EXPECT_EQ(read_bytes(path), good);
  }
  EXPECT_EQ(decoded_, 5);
}

TEST_F(DecodedCache, DamageIsFoundWhenAnEntryIsFirstUsed) {
  const std::string a = source("a", "a");
  cache({a})->get(0);
  const std::string path = entries().at(0).string();
  const std::string good = read_bytes(path);
  write_bytes(path, std::string(good).replace(400, 1, "z"));
  const auto things = cache({a});
  EXPECT_TRUE(things->fill(1).empty());  // looks at the header alone
  EXPECT_EQ(decoded_, 1);
  EXPECT_EQ(value(things->get(0)), 'a');
  EXPECT_EQ(decoded_, 2);
  EXPECT_EQ(read_bytes(path), good);
}

TEST_F(DecodedCache, ThreadsDecodeAFileOnce) {
  std::vector<std::string> sources;
  for (char c = 'a'; c < 'k'; ++c) {
    sources.push_back(source(std::string(1, c), std::string(1, c)));
  }
  const auto things = cache(sources);
  std::vector<std::thread> threads;
  threads.reserve(4);
  std::atomic<int> wrong = 0;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        const auto voxels = things->get(i);
        wrong += *voxels.data_ptr<int16_t>() != 'a' + i;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(decoded_, 10);
}

TEST_F(DecodedCache, OthersLeaveAFullCacheAndItsOwnStay) {
  const double kEntry = 352 + 2 * 4 * 8 * 8;
  const double gib = 2.5 * kEntry / (1 << 30);
  const std::vector<std::string> old{source("a", "a"), source("b", "b")};
  const auto earlier = cache(old, gib);
  EXPECT_TRUE(earlier->fill(1).empty());
  const auto oldest = entries();
  fs::last_write_time(oldest.at(0),
                      fs::file_time_type::clock::now() - std::chrono::hours(1));
  const std::vector<std::string> sources{source("c", "c")};
  cache(sources, gib)->fill(1);
  EXPECT_EQ(entries().size(), 2u);
  EXPECT_FALSE(fs::exists(oldest.at(0)));  // the least recently used
  // More than fits: its own entries stay, the rest is decoded when needed.
  std::vector<std::string> many;
  for (char c = 'p'; c < 'v'; ++c) {
    many.push_back(source(std::string(1, c), std::string(1, c)));
  }
  const auto large = cache(many, gib);
  EXPECT_TRUE(large->fill(2).empty());
  EXPECT_EQ(entries().size(), 2u);
  decoded_ = 0;
  for (int i = 0; i < 6; ++i) EXPECT_EQ(value(large->get(i)), 'p' + i);
  EXPECT_EQ(decoded_, 4);
}

TEST_F(DecodedCache, BadSourcesAreToldAtOnceOrLeftOut) {
  const std::vector<std::string> sources{source("a", "a"), source("bad1", "x"),
                                         source("c", "c"), source("bad2", "x")};
  const auto things = cache(sources);
  auto error_of = [&](data::OnError on_error, int64_t max_bad) {
    return unimiss::testing::error_text<DataError>([&] {
      data::select_sources(*things, "data.volumes", 2, on_error, max_bad);
    });
  };
  EXPECT_THAT(
      error_of(data::OnError::kStop, 9),
      AllOf(HasSubstr("data.volumes"), HasSubstr("2 of its 4 files"),
            HasSubstr("bad1: is damaged"), HasSubstr("bad2: is damaged")));
  EXPECT_THAT(error_of(data::OnError::kSkip, 1),
              HasSubstr("data.max_bad allows 1"));
  const auto selection =
      data::select_sources(*things, "data.volumes", 1, data::OnError::kSkip, 2);
  EXPECT_THAT(selection.usable, ElementsAre(0, 2));
  ASSERT_EQ(selection.left_out.size(), 2u);
  EXPECT_EQ(selection.left_out[1].source, 3);
  const auto none = cache({sources[1]});
  EXPECT_THROW(
      data::select_sources(*none, "data.volumes", 1, data::OnError::kSkip, 9),
      DataError);
}

TEST_F(DecodedCache, AFolderThatCannotBeMadeIsAnError) {
  source("file", "f");
  EXPECT_THROW(
      data::DecodedCache({source("a", "a")}, "", {},
                         {folder_.file("file") + "/cache", 1}, "things"),
      DataError);
}

TEST_F(DecodedCache, ASourceThatIsMissingIsToldLikeADamagedOne) {
  const auto things = cache({source("a", "a"), folder_.file("none")});
  EXPECT_EQ(value(things->get(0)), 'a');
  EXPECT_THROW(things->get(1), DataError);
  const auto bad = things->fill(2);
  ASSERT_EQ(bad.size(), 1u);
  EXPECT_EQ(bad[0].source, 1);
  EXPECT_THAT(bad[0].reason, HasSubstr("none"));
}

TEST_F(DecodedCache, WhatCannotBeWrittenIsNotBlamedOnTheSource) {
  // Files stand where the cache's folders should be.
  fs::create_directory(folder_.file("cache"));
  const char* digits = "0123456789abcdef";
  for (int i = 0; i < 256; ++i) {
    source(std::string("cache/") + digits[i / 16] + digits[i % 16], "");
  }
  const auto things = cache({source("a", "a"), source("b", "b")});
  EXPECT_TRUE(things->fill(2).empty());
  EXPECT_EQ(value(things->get(0)), 'a');
  EXPECT_EQ(value(things->get(1)), 'b');
}

TEST_F(DecodedCache, FailuresThatAreNotTheSourcesEndTheRun) {
  const data::DecodedCache things(
      {source("a", "a")}, "",
      [](const std::string&) -> data::Decoded { throw std::bad_alloc(); },
      {folder_.file("cache"), 1}, "things");
  EXPECT_THAT([&] { things.fill(1); }, ::testing::ThrowsMessage<RunError>(AllOf(
                                           HasSubstr("/a: decoding failed"),
                                           HasSubstr("data.workers"))));
}

TEST_F(DecodedCache, AnAxisBeyondTheFormatIsTheSourcesFault) {
  const data::DecodedCache things(
      {source("a", "a")}, "",
      [](const std::string&) {
        return data::Decoded{torch::zeros({32768, 1, 1}, torch::kInt16)};
      },
      {folder_.file("cache"), 1}, "things");
  const auto bad = things.fill(1);
  ASSERT_EQ(bad.size(), 1u);
  EXPECT_THAT(bad[0].reason, HasSubstr("32768 voxels along an axis"));
}

TEST_F(DecodedCache, AbandonedPartsLeaveAFullCache) {
  const std::vector<std::string> sources{source("a", "a"), source("b", "b")};
  cache({sources[0]})->fill(1);
  const std::string part = folder_.file("cache/old.nii.1.part");
  write_bytes(part, std::string(5000, 'x'));
  fs::last_write_time(
      part, fs::file_time_type::clock::now() - std::chrono::hours(48));
  const double kEntry = 352 + 2 * 4 * 8 * 8;
  cache(sources, 2.5 * kEntry / (1 << 30))->fill(1);
  EXPECT_FALSE(fs::exists(part));
  EXPECT_EQ(entries().size(), 2u);
}

}  // namespace
}  // namespace unimiss
