#include "unimiss/data/case_cache.h"

#include <gmock/gmock.h>

#include <chrono>
#include <filesystem>
#include <functional>

#include "data/case_files.h"
#include "testing/files.h"
#include "unimiss/core/error.h"

namespace unimiss::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A case of two modalities and a label map, and what becomes of it in a cache.
class CachedCase {
 public:
  CachedCase() {
    write("a", 10 * voxels_), write("b", voxels_), write("map", map());
  }
  torch::Tensor map() const { return voxels_.remainder(3); }
  void write(const std::string& name, const torch::Tensor& voxels) const {
    files_.volume(name + ".nii.gz", voxels);
  }
  augment::Case as_case() const {
    return case_of({path("a"), path("b")}, {path("map")});
  }
  std::string path(const std::string& name) const {
    return files_.path(name + ".nii.gz");
  }
  CaseDecodeOptions options() const {
    return decode_options(3, augment::TargetKind::kLabelMap, [](auto& o) {
      o.classes = 4;
      o.channels = o.modalities = 2;
      o.spacing = {1, 1, 2.7};
    });
  }
  CaseCache cache(const CaseDecodeOptions& options,
                  std::vector<augment::Case> cases = {}) const {
    if (cases.empty()) cases = {as_case()};
    return {std::move(cases), options, {files_.path("cache"), 1}};
  }
  augment::CaseVoxels get() const { return cache(options()).get(0); }
  /// Of the cache's folder.
  int64_t entries() const {
    int64_t count = 0;
    for (const auto& file :
         std::filesystem::recursive_directory_iterator(files_.path("cache"))) {
      count += file.path().extension() == ".nii" ? 1 : 0;
    }
    return count;
  }
  /// Changes what a file holds, but nothing that tells of it.
  void spoil_unseen(const std::string& name) const {
    namespace fs = std::filesystem;
    const auto time = fs::last_write_time(path(name));
    unimiss::testing::write_bytes(path(name),
                                  std::string(fs::file_size(path(name)), '\0'));
    fs::last_write_time(path(name), time);
  }

 private:
  CaseFiles files_;
  torch::Tensor voxels_ = counted({2, 3, 4});
};

void expect_equal(const augment::CaseVoxels& found,
                  const augment::CaseVoxels& wanted) {
  EXPECT_TRUE(found.image.equal(wanted.image));
  ASSERT_EQ(found.map.defined(), wanted.map.defined());
  EXPECT_TRUE(!found.map.defined() || found.map.equal(wanted.map));
  for (int axis = 0; axis < 3; ++axis) {
    EXPECT_FLOAT_EQ(static_cast<float>(found.spacing[axis]),
                    static_cast<float>(wanted.spacing[axis]));
  }
}

TEST(CaseCache, HoldsWhatIsDecoded) {
  const CachedCase cached;
  const augment::CaseVoxels decoded =
      decode_case(cached.as_case(), cached.options());
  ASSERT_THAT(decoded.image.sizes(), ElementsAre(2, 2, 6, 4));
  expect_equal(cached.get(), decoded);
  expect_equal(cached.get(), decoded);
  EXPECT_EQ(cached.entries(), 1);
}

TEST(CaseCache, WhatHasNotChangedIsNotDecodedAgain) {
  const CachedCase cached;
  const augment::CaseVoxels before = cached.get();
  for (const char* name : {"a", "b", "map"}) cached.spoil_unseen(name);
  EXPECT_THROW(decode_case(cached.as_case(), cached.options()), DataError);
  expect_equal(cached.get(), before);
}

TEST(CaseCache, AChangedFileOrOptionIsDecodedAgain) {
  const CachedCase cached;
  cached.get();
  // Changes seen at times that file systems tell apart.
  const auto change = [&](const std::string& name, const torch::Tensor& to) {
    const auto time = std::filesystem::last_write_time(cached.path(name));
    cached.write(name, to);
    std::filesystem::last_write_time(cached.path(name),
                                     time + std::chrono::seconds(2));
    expect_equal(cached.get(), decode_case(cached.as_case(), cached.options()));
  };
  change("map", cached.map() + 1);
  EXPECT_EQ(cached.entries(), 2);
  change("b", -counted({2, 3, 4}));
  EXPECT_EQ(cached.entries(), 3);
  int64_t entries = 3;
  for (const auto& other : std::vector<std::function<void(CaseDecodeOptions&)>>{
           [](auto& o) {
             o.spacing = {1, 1, 2.8};
           },
           [](auto& o) { o.spacing.reset(); },
           [](auto& o) {
             o.size = {2, 2, 2}, o.spacing.reset();
           },
           [](auto& o) { o.labels = augment::LabelInterpolation::kLinear; },
           [](auto& o) {
             o.label_values = {3, 2, 1, 0};
           },
           [](auto& o) { o.classes = 5; },
           [](auto& o) {
             o.normalization.rule = NormalizationRule::kPercentiles;
           },
           [](auto& o) { o.normalization.percentiles[0] = 0.25; },
           [](auto& o) { o.normalization.mean = 1e-12; },
           [](auto& o) { o.target = augment::TargetKind::kClass; }}) {
    CaseDecodeOptions options = cached.options();
    other(options);
    expect_equal(cached.cache(options).get(0),
                 decode_case(cached.as_case(), options));
    EXPECT_EQ(cached.entries(), ++entries);
  }
}

TEST(CaseCache, ClassesHaveNoMaps) {
  const CachedCase cached;
  CaseDecodeOptions options = cached.options();
  for (const auto target :
       {augment::TargetKind::kClass, augment::TargetKind::kClasses}) {
    options.target = target;
    const augment::Case from = case_of({cached.path("a"), cached.path("b")});
    const augment::CaseVoxels voxels = cached.cache(options, {from}).get(0);
    EXPECT_FALSE(voxels.map.defined());
    EXPECT_THAT(voxels.image.sizes(), ElementsAre(2, 2, 6, 4));
    EXPECT_FALSE(read_case_reference(from, options).map.defined());
  }
}

TEST(CaseCache, TwoCasesOfOneImageMustAgree) {
  const CachedCase cached;
  const CaseCache twice =
      cached.cache(cached.options(), {cached.as_case(), cached.as_case()});
  expect_equal(twice.get(1), twice.get(0));
  cached.write("other", cached.map() + 1);
  augment::Case other = cached.as_case();
  other.id = "second rater";
  other.masks = {cached.path("other")};
  EXPECT_THAT(
      [&] {
        cached.cache(cached.options(), {cached.as_case(), other});
      },
      ::testing::ThrowsMessage<DataError>(
          AllOf(HasSubstr("a.nii.gz: is the first image of two cases"),
                HasSubstr("case, second rater"))));
}

TEST(CaseCache, WrongCasesAreToldWithAllOthers) {
  const CachedCase cached;
  cached.write("wrong", cached.map() + 2);
  augment::Case wrong =
      case_of({cached.path("b"), cached.path("a")}, {cached.path("wrong")});
  const CaseCache cache =
      cached.cache(cached.options(), {cached.as_case(), wrong});
  const auto bad = cache.entries().fill(1);
  ASSERT_EQ(bad.size(), 1u);
  EXPECT_EQ(bad[0].source, 1);
  EXPECT_THAT(bad[0].reason,
              AllOf(HasSubstr("wrong.nii.gz"), HasSubstr("label 4")));
}

}  // namespace
}  // namespace unimiss::data
