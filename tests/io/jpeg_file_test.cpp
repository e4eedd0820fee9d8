#include "io/jpeg_file.h"

#include <gmock/gmock.h>
#include <torch/types.h>

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

std::string jpeg_error(const std::string& bytes) {
  std::string error = unimiss::testing::error_text<DataError>([&] {
    decode_jpeg("a.jpg", {bytes.begin(), bytes.end()});
  });
  if (error != "no error") {
    EXPECT_THAT(error, HasSubstr("a.jpg"));
  }
  return error;
}

TEST(JpegFile, DamageIsFound) {
  const TemporaryDirectory folder;
  torch::Tensor gray = torch::empty({64, 80}, torch::kUInt8);
  Random random({4});
  for (int64_t i = 0; i < gray.numel(); ++i) {
    gray.data_ptr<uint8_t>()[i] = static_cast<uint8_t>(random.integer(256));
  }
  cv::imwrite(folder.file("good.jpg"),
              cv::Mat(64, 80, CV_8UC1, gray.data_ptr()));
  const std::string good = read_bytes(folder.file("good.jpg"));
  const cv::Mat image = decode_jpeg("a.jpg", {good.begin(), good.end()});
  EXPECT_EQ(image.size(), cv::Size(80, 64));
  EXPECT_EQ(image.type(), CV_8UC1);
  // Every truncation, with and without the end marker put back.
  for (size_t size = 3; size < good.size(); size += 7) {
    EXPECT_NE(jpeg_error(good.substr(0, size)), "no error") << size;
    if (size + 16 < good.size()) {
      EXPECT_NE(jpeg_error(good.substr(0, size) + "\xff\xd9"), "no error")
          << size;
    }
  }
  // Bytes overwritten in the middle of the scan.
  std::string holed = good;
  holed.replace(holed.size() / 2, 200, std::string(200, '\xff'));
  EXPECT_NE(jpeg_error(holed), "no error");
  // A header that claims what its bytes cannot hold.
  std::string huge = good;
  const size_t frame = huge.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  huge.replace(frame + 5, 4, "\x7f\xff\x7f\xff");
  EXPECT_THAT(jpeg_error(huge), HasSubstr("cannot hold"));
}

TEST(JpegFile, ColorsAreBlueGreenRed) {
  std::vector<uint8_t> bytes;
  cv::imencode(".jpg", cv::Mat(16, 16, CV_8UC3, cv::Scalar(200, 100, 10)),
               bytes);
  const cv::Mat image = decode_jpeg("a.jpg", bytes);
  ASSERT_EQ(image.type(), CV_8UC3);
  const auto& pixel = image.at<cv::Vec3b>(8, 8);
  EXPECT_NEAR(pixel[0], 200, 5);
  EXPECT_NEAR(pixel[1], 100, 5);
  EXPECT_NEAR(pixel[2], 10, 5);
}

}  // namespace
}  // namespace unimiss::io
