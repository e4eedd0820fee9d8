#include "unimiss/io/image.h"

#include <fmt/format.h>
#include <libdeflate.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <string_view>
#include <vector>

#include "io/dicom_file.h"
#include "io/file_bytes.h"
#include "io/jpeg_file.h"
#include "unimiss/core/error.h"

namespace unimiss::io {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr std::string_view kPngSignature = "\x89PNG\r\n\x1a\n";
constexpr std::string_view kJpegSignature = "\xff\xd8\xff";

std::string_view text(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

uint32_t big_endian32(const uint8_t* at) {
  return static_cast<uint32_t>(at[0]) << 24 | at[1] << 16 | at[2] << 8 | at[3];
}

/// The least bytes that the pixels of this header unpack to.
uint64_t check_png_size(const std::string& path, const uint8_t* header) {
  const uint64_t width = big_endian32(header);
  const uint64_t height = big_endian32(header + 4);
  if (width == 0 || height == 0) {
    throw_damaged(path, fmt::format("a PNG of {}x{} pixels", width, height));
  }
  if (width > kMaxPixels / height) {
    throw DataError(path, fmt::format("{}x{} pixels are too many (2^30 are "
                                      "allowed); reduce the image",
                                      width, height));
  }
  const uint64_t bits = header[8];  // of a sample; there is at least one
  return (width * bits + 7) / 8 * height;
}

/// Walks the chunks: OpenCV decodes truncated files without saying so.
void check_png(const std::string& path, const Bytes& bytes) {
  size_t at = kPngSignature.size();
  uint64_t needed = 0, packed = 0;
  for (bool first = true;; first = false) {
    if (bytes.size() - at < 12) throw_damaged(path, "the PNG is truncated");
    const uint64_t length = big_endian32(&bytes[at]);
    if (length > bytes.size() - at - 12)
      throw_damaged(path, "the PNG is truncated");
    const std::string_view type = text(bytes).substr(at + 4, 4);
    const uint8_t* content = &bytes[at + 8];
    if (libdeflate_crc32(0, content - 4, length + 4) !=
        big_endian32(content + length)) {
      throw_damaged(
          path, fmt::format("the PNG is corrupt at byte {} (a checksum does "
                            "not match)",
                            at));
    }
    if (first) {
      if (type != "IHDR" || length != 13)
        throw_damaged(path, "the PNG has no header");
      needed = check_png_size(path, content);
    }
    if (type == "IDAT") packed += length;
    if (type == "IEND") break;
    at += 12 + length;
  }
  constexpr uint64_t kMaxExpansion = 1032;  // of DEFLATE
  if (packed == 0 || needed > kMaxExpansion * packed) {
    throw_damaged(path,
                  fmt::format("{} bytes cannot hold the PNG's pixels", packed));
  }
}

cv::Mat decode(const std::string& path) {
  const Bytes bytes = read_file_bytes(path);
  if (text(bytes).starts_with(kPngSignature)) {
    check_png(path, bytes);
  } else if (text(bytes).starts_with(kJpegSignature)) {
    return decode_jpeg(path, bytes);
  } else {
    throw DataError(path, "neither a PNG, JPEG nor DICOM image; convert it");
  }
  cv::Mat image;
  try {
    image = cv::imdecode(bytes, cv::IMREAD_UNCHANGED);
  } catch (const cv::Exception& error) {
    throw DataError(path, "cannot be decoded (" + error.err +
                              "); fetch or export the file again");
  }
  if (image.empty()) throw_damaged(path, "cannot be decoded");
  // OpenCV makes colours of grey with alpha, which the header tells of.
  constexpr size_t kColorType = 25;
  constexpr uint8_t kGrayWithAlpha = 4;
  if (bytes[kColorType] == kGrayWithAlpha) {
    cv::extractChannel(image, image, 0);
  }
  return image;
}

/// OpenCV's interleaved BGR or BGRA, or grey, to planes in the order RGB.
template <class T>
void copy_planes(const cv::Mat& image, T* to) {
  const std::ptrdiff_t stride = image.channels();
  const std::ptrdiff_t planes = stride < 3 ? 1 : 3;
  for (std::ptrdiff_t plane = 0; plane < planes; ++plane) {
    const std::ptrdiff_t channel = planes - 1 - plane;
    for (int y = 0; y < image.rows; ++y) {
      const T* row = image.ptr<T>(y) + channel;
      for (int x = 0; x < image.cols; ++x) *to++ = row[x * stride];
    }
  }
}

torch::Tensor read_xray(const std::string& path) {
  const DicomImage image = read_dicom_file(path, DicomUse::kXray);
  if (image.samples != 1) {
    throw DataError(path, image.samples == 0
                              ? "a DICOM file without pixels; take it off"
                              : "a colour DICOM image is no X-ray; save it as "
                                "PNG if it is wanted");
  }
  const std::vector<float> values = windowed(image);
  auto pixels = torch::empty({1, image.rows, image.columns}, torch::kUInt16);
  std::transform(values.begin(), values.end(), pixels.data_ptr<uint16_t>(),
                 [](float value) {
                   return static_cast<uint16_t>(std::lround(65535 * value));
                 });
  return pixels;
}

}  // namespace

torch::Tensor read_pixels(const std::string& path) {
  if (is_dicom_file(path)) return read_xray(path);
  const cv::Mat image = decode(path);
  const int64_t channels = image.channels() < 3 ? 1 : 3;
  const bool deep = image.depth() == CV_16U;
  if (!deep && image.depth() != CV_8U) {
    throw DataError(path, "neither 8 nor 16 bits a channel; convert it");
  }
  auto pixels = torch::empty({channels, image.rows, image.cols},
                             deep ? torch::kUInt16 : torch::kUInt8);
  if (deep) {
    copy_planes(image, pixels.data_ptr<uint16_t>());
  } else {
    copy_planes(image, pixels.data_ptr<uint8_t>());
  }
  return pixels;
}

torch::Tensor read_image(const std::string& path) {
  const auto pixels = read_pixels(path);
  const double white = pixels.scalar_type() == torch::kUInt16 ? 65535 : 255;
  return pixels.to(torch::kFloat32).div_(white);
}

std::string encode_png(const torch::Tensor& image) {
  const auto type = image.scalar_type();
  const bool deep = type == torch::kUInt16 || type == torch::kInt32;
  TORCH_CHECK(deep || type == torch::kUInt8, "a PNG is uint8, uint16 or int32");
  const bool color = image.dim() == 3;
  TORCH_CHECK(color ? image.size(0) == 3 && !deep : image.dim() == 2,
              "a PNG is [H, W], or 8-bit [3, H, W]");
  // OpenCV wants interleaved BGR.
  const auto packed =
      color ? image.flip(0).permute({1, 2, 0}).contiguous()
            : image.to(deep ? torch::kInt32 : torch::kUInt8).contiguous();
  cv::Mat view(
      static_cast<int>(packed.size(0)), static_cast<int>(packed.size(1)),
      color ? CV_8UC3 : (deep ? CV_32SC1 : CV_8UC1), packed.data_ptr());
  cv::Mat stored = view;
  if (deep) view.convertTo(stored, CV_16U);
  std::vector<uchar> bytes;
  TORCH_CHECK(cv::imencode(".png", stored, bytes), "OpenCV encodes no PNG");
  return {bytes.begin(), bytes.end()};
}

void write_png(const std::string& path, const torch::Tensor& image) {
  const std::string bytes = encode_png(image);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) {
    throw DataError(path,
                    "cannot be written; check the folder and the free space");
  }
}

}  // namespace unimiss::io
