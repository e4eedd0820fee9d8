#include "unimiss/io/image.h"

#include <gmock/gmock.h>
#include <libdeflate.h>

#include <cstdlib>
#include <opencv2/imgcodecs.hpp>

#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"
#include "unimiss/core/random.h"

namespace unimiss::io {
namespace {

using ::testing::HasSubstr;
using unimiss::testing::read_bytes;
using unimiss::testing::TemporaryDirectory;
using unimiss::testing::write_bytes;

class Image : public ::testing::Test {
 protected:
  std::string error_of(const std::string& bytes) {
    write_bytes(folder_.file("bad.png"), bytes);
    const std::string error = unimiss::testing::error_text<DataError>(
        [&] { read_pixels(folder_.file("bad.png")); });
    if (error != "no error") {
      EXPECT_THAT(error, HasSubstr("bad.png"));
    }
    return error;
  }

  /// A 40 x 50 grey PNG that deflate cannot shorten much.
  std::string png() {
    const auto noise = torch::arange(2000).mul(7919).remainder(251);
    write_png(folder_.file("good.png"), noise.view({40, 50}).to(torch::kUInt8));
    return read_bytes(folder_.file("good.png"));
  }

  TemporaryDirectory folder_;
};

void put_big_endian(std::string& bytes, size_t at, uint32_t value) {
  for (int i = 0; i < 4; ++i) {
    bytes[at + i] = static_cast<char>(value >> (24 - 8 * i));
  }
}

/// Other extents in the header, with its checksum made to agree.
std::string with_size(std::string bytes, uint32_t width, uint32_t height) {
  put_big_endian(bytes, 16, width);
  put_big_endian(bytes, 20, height);
  put_big_endian(bytes, 29, libdeflate_crc32(0, &bytes[12], 17));
  return bytes;
}

TEST_F(Image, Gray8AndGray16ScaleToTheirRange) {
  const auto eight = torch::tensor({0, 51, 255}).view({1, 3});
  write_png(folder_.file("8.png"), eight.to(torch::kUInt8));
  const auto expected = torch::tensor({0.0f, 0.2f, 1.0f}).view({1, 1, 3});
  EXPECT_TRUE(read_image(folder_.file("8.png")).allclose(expected));
  const auto sixteen = torch::tensor({0, 13107, 65535}, torch::kInt32);
  for (auto type : {torch::kInt32, torch::kUInt16}) {
    write_png(folder_.file("16.png"), sixteen.view({1, 3}).to(type));
    EXPECT_TRUE(read_image(folder_.file("16.png")).allclose(expected));
    EXPECT_EQ(read_pixels(folder_.file("16.png")).scalar_type(),
              torch::kUInt16);
  }
}

TEST_F(Image, ColorIsRedGreenBlue) {
  const auto color = torch::arange(18).view({3, 2, 3}).to(torch::kUInt8);
  write_png(folder_.file("rgb.png"), color);
  EXPECT_TRUE(read_pixels(folder_.file("rgb.png")).equal(color));
  // A red pixel as an encoder other than ours writes it.
  const std::string bytes = read_bytes(folder_.file("rgb.png"));
  EXPECT_EQ(bytes[25], 2) << "stored as RGB";
}

TEST_F(Image, TruncationAtAnyByteIsAnError) {
  const std::string good = png();
  for (size_t length = 1; length < good.size(); length += 97) {
    EXPECT_NE(error_of(good.substr(0, length)), "no error") << length;
  }
  EXPECT_THAT(error_of(good.substr(0, good.size() - 1)),
              HasSubstr("truncated"));
  EXPECT_THAT(error_of(""), HasSubstr("empty"));
}

TEST_F(Image, FlippedBitsAreAnError) {
  const std::string good = png();
  for (size_t at = 8; at < good.size(); at += 83) {
    std::string bad = good;
    bad[at] ^= 4;
    EXPECT_NE(error_of(bad), "no error") << at;
  }
}

TEST_F(Image, ImpossibleExtentsAreAnError) {
  const std::string good = png();
  EXPECT_THAT(error_of(with_size(good, 0, 40)), HasSubstr("0x40"));
  EXPECT_THAT(error_of(with_size(good, 2147483647, 2147483647)),
              HasSubstr("too many"));
  // Checksums agree but rows are missing: the decoder must not fill them in.
  EXPECT_NE(error_of(with_size(good, 50, 80)), "no error");
}

TEST_F(Image, DamageWithinAJpegIsFound) {
  torch::Tensor gray = torch::empty({64, 80}, torch::kUInt8);
  Random random({4});
  for (int64_t i = 0; i < gray.numel(); ++i) {
    gray.data_ptr<uint8_t>()[i] = static_cast<uint8_t>(random.integer(256));
  }
  cv::imwrite(folder_.file("good.jpg"),
              cv::Mat(64, 80, CV_8UC1, gray.data_ptr()));
  const std::string good = read_bytes(folder_.file("good.jpg"));
  EXPECT_EQ(read_pixels(folder_.file("good.jpg")).sizes(),
            (torch::IntArrayRef{1, 64, 80}));
  // Every truncation, with and without the end marker put back.
  for (size_t size = 3; size < good.size(); size += 7) {
    EXPECT_NE(error_of(good.substr(0, size)), "no error") << size;
    if (size + 16 < good.size()) {
      EXPECT_NE(error_of(good.substr(0, size) + "\xff\xd9"), "no error")
          << size;
    }
  }
  // Bytes overwritten in the middle of the scan.
  std::string holed = good;
  holed.replace(holed.size() / 2, 200, std::string(200, '\xff'));
  EXPECT_NE(error_of(holed), "no error");
  // A header that claims what its bytes cannot hold.
  std::string huge = good;
  const size_t frame = huge.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  huge.replace(frame + 5, 4, "\x7f\xff\x7f\xff");
  EXPECT_THAT(error_of(huge), HasSubstr("cannot hold"));
}

TEST_F(Image, OtherContentIsRefusedByName) {
  EXPECT_THAT(error_of("hello\n"), HasSubstr("neither a PNG, JPEG"));
  EXPECT_THAT(error_of("\xff\xd8\xff\xe0 no scan"), HasSubstr("damaged"));
  EXPECT_THROW(read_image(folder_.file("missing.png")), DataError);
  EXPECT_THROW(read_image(folder_.path().string()), DataError);
  EXPECT_THROW(write_png(folder_.file("no/folder/a.png"),
                         torch::zeros({2, 2}, torch::kUInt8)),
               DataError);
}

/// A folder of damaged and unusual files with a README that says what each is.
TEST_F(Image, BrokenCollection) {
  const char* folder = std::getenv("UNIMISS_BROKEN");
  if (!folder) GTEST_SKIP() << "UNIMISS_BROKEN names no folder";
  const auto path = [&](const std::string& name) {
    return std::string(folder) + "/" + name;
  };
  const auto good = read_image(path("good_reference.png"));
  EXPECT_EQ(good.sizes(), (torch::IntArrayRef{1, 160, 160}));
  const std::map<std::string, double> tolerance{{"gray16.png", 0.01},
                                                {"rgba.png", 0.01},
                                                {"rgb.png", 0.01},
                                                {"palette.png", 0.05},
                                                {"jpeg_named.png", 0.2}};
  for (const auto& [name, bound] : tolerance) {
    const auto read = read_image(path(name));
    EXPECT_LT((read.mean(0) - good[0]).abs().max().item<double>(), bound)
        << name;
  }
  const auto bilevel = read_image(path("bilevel1bit.png"));
  EXPECT_TRUE(((bilevel == 0) | (bilevel == 1)).all().item<bool>());
  EXPECT_EQ(bilevel.max().item<float>(), 1);
  for (const auto* name : {"1x1.png", "all_black.png", "cmyk.jpg"}) {
    EXPECT_GT(read_image(path(name)).numel(), 0) << name;
  }
  for (const auto* name :
       {"zero_byte.png", "text_renamed.png", "truncated.png", "crc_corrupt.png",
        "huge_dims.png", "zero_dims.png"}) {
    EXPECT_THROW(read_image(path(name)), DataError) << name;
  }
}

}  // namespace
}  // namespace unimiss::io
