#include <gmock/gmock.h>

#include <cstdlib>
#include <functional>

#include "data/case_files.h"
#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/nifti_bytes.h"
#include "unimiss/core/error.h"
#include "unimiss/core/random.h"

/// What decode_case() and read_case_reference() make of files.
namespace unimiss::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

/// The message of the DataError that decoding ends with.
std::string decode_error(const augment::Case& from,
                         const CaseDecodeOptions& options) {
  return unimiss::testing::error_text<DataError>(
      [&] { decode_case(from, options); });
}

/// Units as they are stored.
torch::Tensor steps_of(const torch::Tensor& units) {
  return (units.to(torch::kDouble) * augment::kIntensitySteps)
      .round()
      .to(torch::kInt16);
}

TEST(CaseDecode, AVolumeAndItsLabelMap) {
  const CaseFiles files;
  const torch::Tensor voxels = counted({2, 3, 4}), map = voxels.remainder(3);
  const augment::Case from =
      case_of({files.volume("a.nii.gz", 40 * voxels - 300)},
              {files.volume("map.nii.gz", map)});
  const auto options = decode_options(3, augment::TargetKind::kLabelMap,
                                      [](auto& o) { o.classes = 3; });
  const augment::CaseVoxels found = decode_case(from, options);
  EXPECT_TRUE(found.image.equal(steps_of(voxels / 23).unsqueeze(0)));
  EXPECT_TRUE(found.map.equal(map.to(torch::kInt16)));
  EXPECT_THAT(found.spacing, ElementsAre(1, 2, 3));
  const CaseReference reference = read_case_reference(from, options);
  EXPECT_TRUE(reference.map.equal(found.map));
  EXPECT_TRUE(reference.grid.voxels.equal(40 * voxels - 300));
  EXPECT_THAT(reference.grid.origin, ElementsAre(5, -7, 100));
  EXPECT_THAT(reference.scale, ElementsAre(1, 1, 1));
}

TEST(CaseDecode, ValuesThatStandForClasses) {
  const CaseFiles files;
  const torch::Tensor map = counted({3, 4}).remainder(2);
  const augment::Case from =
      case_of({files.image("a.png", torch::ones({3, 4}, torch::kUInt8))},
              {files.image("map.png", (255 * map).to(torch::kUInt8))});
  auto options = decode_options(2, augment::TargetKind::kLabelMap, [](auto& o) {
    o.label_values = {0, 255};
  });
  EXPECT_TRUE(
      decode_case(from, options).map.equal(map.unsqueeze(0).to(torch::kInt16)));
  options.label_values = {255, 0};
  EXPECT_TRUE(read_case_reference(from, options)
                  .map.equal(1 - map.unsqueeze(0).to(torch::kInt16)));
  options.label_values.clear();
  EXPECT_THAT(decode_error(from, options),
              AllOf(HasSubstr("map.png"), HasSubstr("label 255")));
}

TEST(CaseDecode, StructuresAreBits) {
  const CaseFiles files;
  const torch::Tensor voxels = counted({2, 3, 4});
  std::vector<std::string> volumes, images;
  auto bits = torch::zeros({2, 3, 4}, torch::kInt16);
  for (int k = 0; k < 3; ++k) {
    const torch::Tensor inside = voxels.remainder(k + 2) == 0;
    const std::string name = "mask" + std::to_string(k);
    const std::array<int, 3> value{1, 255, 7};
    volumes.push_back(files.volume(name + ".nii.gz", value[k] * inside));
    images.push_back(
        files.image(name + ".png", (value[k] * inside[1]).to(torch::kUInt8)));
    bits += (inside.to(torch::kInt16) * (1 << k));
  }
  const auto classes = [](auto& o) { o.classes = 3; };
  EXPECT_TRUE(
      decode_case(case_of({files.volume("a.nii.gz", voxels)}, volumes),
                  decode_options(3, augment::TargetKind::kStructures, classes))
          .map.equal(bits));
  const augment::Case flat = case_of(
      {files.image("a.png", torch::ones({3, 4}, torch::kUInt8))}, images);
  EXPECT_TRUE(
      decode_case(flat,
                  decode_options(2, augment::TargetKind::kStructures, classes))
          .map.equal(bits.slice(0, 1)));
}

TEST(CaseDecode, GrayImagesOfEightAndSixteenBits) {
  const CaseFiles files;
  const torch::Tensor pixels = counted({3, 4});
  const auto options = decode_options(2, augment::TargetKind::kClass);
  const auto image = [&](const torch::Tensor& stored) {
    return decode_case(case_of({files.image("a.png", stored)}), options).image;
  };
  const auto wanted = [&](double white) {
    return steps_of(pixels / white).view({1, 1, 3, 4});
  };
  EXPECT_TRUE(image(pixels.to(torch::kUInt8)).equal(wanted(255)));
  EXPECT_TRUE(image((5000 * pixels).to(torch::kInt32)).equal(wanted(13.107)));
  // Dark, but of 16 bits all the same.
  EXPECT_TRUE(image((20 * pixels).to(torch::kInt32)).equal(wanted(3276.75)));
}

TEST(CaseDecode, GrayAndColorsAsTheNetworkTakesThem) {
  const CaseFiles files;
  const torch::Tensor colors = counted({3, 4, 5}).to(torch::kUInt8);
  const augment::Case color = case_of({files.image("rgb.png", colors)});
  const augment::Case gray = case_of({files.image("grey.png", colors[2])});
  const auto image = [](const augment::Case& from, int64_t channels) {
    return decode_case(from,
                       decode_options(2, augment::TargetKind::kClass,
                                      [&](auto& o) { o.channels = channels; }))
        .image;
  };
  const torch::Tensor units = colors.to(torch::kDouble) / 255;
  EXPECT_TRUE(image(color, 3).equal(steps_of(units).unsqueeze(1)));
  EXPECT_TRUE(image(gray, 3).equal(
      steps_of(units.slice(0, 2)).expand({3, 4, 5}).unsqueeze(1)));
  const torch::Tensor luma =
      0.299 * units[0] + 0.587 * units[1] + 0.114 * units[2];
  const torch::Tensor found = image(color, 1);
  ASSERT_THAT(found.sizes(), ElementsAre(1, 1, 4, 5));
  // Rounding may go either way.
  EXPECT_LE((found[0][0] - steps_of(luma)).abs().max().item<int>(), 1);
}

TEST(CaseDecode, ModalitiesAreNormalizedByThemselvesColorsTogether) {
  const CaseFiles files;
  const torch::Tensor voxels = counted({2, 3, 4});
  const augment::Case from =
      case_of({files.volume("a.nii.gz", voxels),
               files.volume("b.nii.gz", 9 - 3 * voxels)});
  const auto z_score = [](int64_t channels, int64_t modalities) {
    return [=](CaseDecodeOptions& o) {
      o.normalization.rule = NormalizationRule::kZScore;
      o.channels = channels, o.modalities = modalities;
    };
  };
  const auto both =
      decode_case(from,
                  decode_options(3, augment::TargetKind::kClass, z_score(2, 2)))
          .image;
  EXPECT_TRUE(both[1].equal(-both[0]));
  EXPECT_GT(both[0].max().item<int>(), 2048);
  const torch::Tensor colors = counted({3, 4, 5}).to(torch::kUInt8);
  const auto image =
      decode_case(case_of({files.image("rgb.png", colors)}),
                  decode_options(2, augment::TargetKind::kClass, z_score(3, 1)))
          .image;
  const torch::Tensor exact = colors.to(torch::kDouble);
  EXPECT_TRUE(image.squeeze(1).equal(
      steps_of((exact - exact.mean()) / exact.std(/*unbiased=*/false))));
}

using Change = std::function<void(io::Volume&)>;

/// Files that do not fit an image of 2x3x4 voxels, and what is said of each.
std::vector<std::pair<Change, std::string>> misfits() {
  return {
      {[](auto& v) { v.voxels = v.voxels.slice(2, 1).contiguous(); },
       "2x3x3, its case's image 2x3x4"},
      {[](auto& v) { v.spacing[1] = 2.01; }, "spacing"},
      {[](auto& v) { v.origin[0] += 0.2; }, "origin"},
      {[](auto& v) {
         v.axes = {{{0, 0, 1}, {-0.6, 0.8, 0}, {0.8, 0.6, 0}}};
       },
       "direction"},
      // Stored from left to right, with a place one voxel off.
      {[](auto& v) {
         v.voxels = v.voxels.flip(2).contiguous();
         v.axes[2] = {-1, 0, 0};
         v.origin[0] += 4 * 3;
       },
       "origin"},
  };
}

/// Stored from left to right at the right place: the same volume.
void mirror_storage(io::Volume& volume) {
  volume.voxels = volume.voxels.flip(2).contiguous();
  volume.axes[2] = {-1, 0, 0};
  volume.origin[0] += 3 * 3;
}

TEST(CaseDecode, ModalitiesOfAnotherGeometryAreRefused) {
  const CaseFiles files;
  const torch::Tensor voxels = counted({2, 3, 4});
  const auto options =
      decode_options(3, augment::TargetKind::kClass,
                     [](auto& o) { o.channels = o.modalities = 2; });
  const std::string first = files.volume("a.nii.gz", voxels);
  for (const auto& [change, said] : misfits()) {
    const std::string other = files.volume("b.nii.gz", 2 * voxels, change);
    EXPECT_THAT(decode_error(case_of({first, other}), options),
                AllOf(HasSubstr("b.nii.gz"), HasSubstr(said)));
  }
  const std::string turned =
      files.volume("b.nii.gz", 2 * voxels, mirror_storage);
  const auto image = decode_case(case_of({first, turned}), options).image;
  EXPECT_TRUE(image[1].equal(image[0]));
  const augment::Case flat =
      case_of({files.image("a.png", torch::ones({3, 4}, torch::kUInt8)),
               files.image("b.png", torch::ones({3, 5}, torch::kUInt8))});
  EXPECT_THAT(decode_error(flat, decode_options(2, augment::TargetKind::kClass,
                                                [](auto& o) {
                                                  o.channels = 2;
                                                  o.modalities = 2;
                                                })),
              AllOf(HasSubstr("b.png"), HasSubstr("1x3x5")));
}

TEST(CaseDecode, LabelsThatDoNotFitAreRefused) {
  const CaseFiles files;
  const torch::Tensor voxels = counted({2, 3, 4}), map = voxels.remainder(3);
  const std::string image = files.volume("a.nii.gz", voxels);
  for (const auto target :
       {augment::TargetKind::kLabelMap, augment::TargetKind::kStructures}) {
    const auto options =
        decode_options(3, target, [](auto& o) { o.classes = 3; });
    for (const auto& [change, said] : misfits()) {
      const augment::Case from =
          case_of({image}, {files.volume("b.nii.gz", map == 1, change)});
      const auto told = AllOf(HasSubstr("b.nii.gz"), HasSubstr(said));
      EXPECT_THAT(decode_error(from, options), told);
      EXPECT_THAT([&] { read_case_reference(from, options); },
                  ::testing::ThrowsMessage<DataError>(told));
    }
  }
  const auto error = [&](const torch::Tensor& labels) {
    return decode_error(case_of({image}, {files.volume("b.nii.gz", labels)}),
                        decode_options(3, augment::TargetKind::kLabelMap,
                                       [](auto& o) { o.classes = 3; }));
  };
  EXPECT_EQ(error(map), "no error");
  EXPECT_THAT(error(map + 1),
              AllOf(HasSubstr("b.nii.gz"), HasSubstr("label 3")));
  EXPECT_THAT(error(map - 1),
              AllOf(HasSubstr("b.nii.gz"), HasSubstr("label -1")));
  EXPECT_THAT(decode_error(case_of({image}, {files.volume("b.nii.gz", map)}),
                           decode_options(3, augment::TargetKind::kStructures)),
              AllOf(HasSubstr("b.nii.gz"), HasSubstr("1 and 2")));
  const augment::Case turned =
      case_of({image}, {files.volume("b.nii.gz", map, mirror_storage)});
  EXPECT_TRUE(
      decode_case(turned, decode_options(3, augment::TargetKind::kLabelMap,
                                         [](auto& o) { o.classes = 3; }))
          .map.equal(map.to(torch::kInt16)));
}

TEST(CaseDecode, LabelsBetweenClassesAreRefused) {
  const CaseFiles files;
  const std::string bytes = unimiss::testing::nifti_bytes(4, 3, 2);
  unimiss::testing::write_bytes(files.path("a.nii"), bytes);
  // scl_slope, at byte 112, makes halves of whole numbers.
  unimiss::testing::write_bytes(files.path("half.nii"),
                                unimiss::testing::patched(bytes, 112, 0.5f));
  for (const auto target :
       {augment::TargetKind::kLabelMap, augment::TargetKind::kStructures}) {
    EXPECT_THAT(
        decode_error(case_of({files.path("a.nii")}, {files.path("half.nii")}),
                     decode_options(3, target)),
        AllOf(HasSubstr("half.nii"), HasSubstr("label 0.5")));
  }
}

TEST(CaseDecode, AnotherNumberOfChannelsIsRefused) {
  const CaseFiles files;
  const augment::Case volumes =
      case_of({files.volume("a.nii.gz", counted({2, 3, 4}))});
  EXPECT_THAT(
      decode_error(volumes, decode_options(3, augment::TargetKind::kClass,
                                           [](auto& o) {
                                             o.channels = 2;
                                             o.modalities = 2;
                                           })),
      AllOf(HasSubstr("a.nii.gz: has 1 channels"),
            HasSubstr("the network takes 2")));
  const augment::Case color =
      case_of({files.image("a.png", torch::ones({3, 4, 5}, torch::kUInt8))});
  EXPECT_THAT(
      decode_error(color, decode_options(2, augment::TargetKind::kClass,
                                         [](auto& o) { o.channels = 2; })),
      AllOf(HasSubstr("a.png: has 3 channels"),
            HasSubstr("the network takes 2")));
  EXPECT_THAT(decode_error(case_of({files.path("none.png")}),
                           decode_options(2, augment::TargetKind::kClass)),
              HasSubstr("none.png"));
}

TEST(CaseDecode, WhatIsBeyondTheStoredUnitsIsClippedAndTold) {
  const CaseFiles files;
  Random random({1});
  auto calm = torch::empty({10, 10, 10});
  for (int64_t i = 0; i < calm.numel(); ++i) {
    calm.data_ptr<float>()[i] = static_cast<float>(random.integer(100));
  }
  torch::Tensor wild = calm.clone();
  wild[3][4][5] = 30000, wild[6][7][8] = -30000;
  const augment::Case from = case_of(
      {files.volume("calm.nii.gz", calm), files.volume("wild.nii.gz", wild)});
  const auto options =
      decode_options(3, augment::TargetKind::kClass, [](auto& o) {
        o.normalization.rule = NormalizationRule::kZScore;
        o.channels = o.modalities = 2;
      });
  ::testing::internal::CaptureStderr();
  const torch::Tensor image = decode_case(from, options).image;
  const std::string told = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(told,
              AllOf(HasSubstr("wild.nii.gz: 2 of 1000 intensities"),
                    HasSubstr("(z_score)"), Not(HasSubstr("calm.nii.gz"))));
  EXPECT_EQ(image[1][3][4][5].item<int>(), 32767);
  EXPECT_EQ(image[1][6][7][8].item<int>(), -32768);
  EXPECT_EQ((image.to(torch::kInt32).abs() >= 32767).sum().item<int>(), 2);
}

/// The rows of the folder of damaged inputs that tell of labels and of what is
/// odd, but valid.
TEST(CaseDecode, BrokenCollection) {
  const char* broken = std::getenv("UNIMISS_BROKEN");
  if (broken == nullptr) GTEST_SKIP() << "UNIMISS_BROKEN names no folder";
  const auto path = [&](const std::string& name) {
    return std::string(broken) + "/" + name;
  };
  const auto label = [&](const std::string& name) {
    return decode_error(case_of({path("good_reference.nii.gz")}, {path(name)}),
                        decode_options(3, augment::TargetKind::kLabelMap,
                                       [](auto& o) { o.classes = 14; }));
  };
  EXPECT_EQ(label("label_empty.nii.gz"), "no error");
  for (const auto& [name, said] :
       std::vector<std::pair<std::string, std::string>>{
           {"label_wrong_shape.nii.gz", "24x48x61"},
           {"label_out_of_range.nii.gz", "label 200"},
           {"label_negative.nii.gz", "label -1"},
           {"label_fractional.nii.gz", "label 0.5"},
           {"label_other_spacing.nii.gz", "spacing"},
           {"label_flipped_affine.nii.gz", "size"}}) {
    EXPECT_THAT(label(name), AllOf(HasSubstr(name), HasSubstr(said)));
  }
  EXPECT_THAT(decode_error(case_of({path("good_reference.png")},
                                   {path("mask_wrong_shape.png")}),
                           decode_options(2, augment::TargetKind::kLabelMap,
                                          [](auto& o) { o.classes = 256; })),
              AllOf(HasSubstr("mask_wrong_shape.png"), HasSubstr("160x100")));
  const auto image = [&](const std::string& name) {
    return decode_case(case_of({path(name)}),
                       decode_options(name.ends_with("png") ? 2 : 3,
                                      augment::TargetKind::kClass))
        .image.to(torch::kInt32);
  };
  EXPECT_EQ(image("constant.nii.gz").abs().max().item<int>(), 0);
  for (const char* turned :
       {"lps_orientation.nii.gz", "axes_permuted.nii.gz"}) {
    EXPECT_TRUE(image(turned).equal(image("good_reference.nii.gz")));
  }
  const torch::Tensor gray = image("good_reference.png");
  EXPECT_LE((image("gray16.png") - gray).abs().max().item<int>(), 16);
  for (const char* other : {"rgb.png", "rgba.png", "palette.png"}) {
    EXPECT_LE((image(other) - gray).abs().max().item<int>(), 16);
  }
}

}  // namespace
}  // namespace unimiss::data
