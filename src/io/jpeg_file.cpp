#include "io/jpeg_file.h"

#include <fmt/format.h>

#include <array>
#include <csetjmp>
#include <cstdio>
// After <cstdio>, which it needs.
#include <jpeglib.h>

#include "io/file_bytes.h"
#include "unimiss/core/error.h"

namespace unimiss::io {
namespace {

/// libjpeg's decoder; false is returned where it complains. libjpeg leaves by
/// longjmp, so the functions that call it hold no C++ objects.
class Decoder {
 public:
  Decoder() {
    info_.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = &complain;
    // Negative levels are damage that libjpeg would paint over.
    errors_.base.emit_message = [](j_common_ptr info, int level) {
      if (level < 0) complain(info);
    };
    jpeg_create_decompress(&info_);
  }
  ~Decoder() { jpeg_destroy_decompress(&info_); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  bool read_header(const uint8_t* bytes, size_t count) {
    if (setjmp(errors_.jump) != 0) return false;
    jpeg_mem_src(&info_, bytes, static_cast<unsigned long>(count));
    jpeg_read_header(&info_, TRUE);
    return true;
  }
  bool read_pixels(uint8_t* pixels, size_t row_bytes) {
    if (setjmp(errors_.jump) != 0) return false;
    info_.out_color_space =
        is_gray() ? JCS_GRAYSCALE : (is_cmyk() ? JCS_CMYK : JCS_EXT_BGR);
    jpeg_start_decompress(&info_);
    while (info_.output_scanline < info_.output_height) {
      JSAMPROW row = pixels + info_.output_scanline * row_bytes;
      jpeg_read_scanlines(&info_, &row, 1);
    }
    jpeg_finish_decompress(&info_);
    return true;
  }

  bool is_gray() const { return info_.jpeg_color_space == JCS_GRAYSCALE; }
  bool is_cmyk() const {
    return info_.jpeg_color_space == JCS_CMYK ||
           info_.jpeg_color_space == JCS_YCCK;
  }
  /// Adobe stores CMYK the other way round.
  bool is_inverted() const { return info_.saw_Adobe_marker; }
  uint64_t width() const { return info_.image_width; }
  uint64_t height() const { return info_.image_height; }
  const char* complaint() const { return errors_.message.data(); }

 private:
  struct Errors {
    jpeg_error_mgr base;  ///< first: libjpeg sees nothing else
    std::jmp_buf jump;
    std::array<char, JMSG_LENGTH_MAX> message{};
  };

  [[noreturn]] static void complain(j_common_ptr info) {
    auto* errors = reinterpret_cast<Errors*>(info->err);
    info->err->format_message(info, errors->message.data());
    std::longjmp(errors->jump, 1);
  }

  jpeg_decompress_struct info_{};
  Errors errors_{};
};

/// Ink as the light it leaves, without a colour profile.
cv::Mat bgr_from_cmyk(const cv::Mat& cmyk, bool inverted) {
  cv::Mat bgr(cmyk.size(), CV_8UC3);
  for (int y = 0; y < cmyk.rows; ++y) {
    const auto* from = cmyk.ptr<cv::Vec4b>(y);
    auto* to = bgr.ptr<cv::Vec3b>(y);
    for (int x = 0; x < cmyk.cols; ++x) {
      auto light = [&](int ink) {
        return inverted ? from[x][ink] : 255 - from[x][ink];
      };
      for (int i = 0; i < 3; ++i) {
        to[x][2 - i] = static_cast<uint8_t>(light(i) * light(3) / 255);
      }
    }
  }
  return bgr;
}

}  // namespace

cv::Mat decode_jpeg(const std::string& path,
                    const std::vector<uint8_t>& bytes) {
  Decoder decoder;
  auto fail = [&] {
    throw_damaged(path,
                  fmt::format("the JPEG is damaged ({})", decoder.complaint()));
  };
  if (!decoder.read_header(bytes.data(), bytes.size())) fail();
  if (decoder.width() * decoder.height() > kMaxPixels) {
    throw DataError(path, fmt::format("{}x{} pixels are too many (2^30 are "
                                      "allowed); reduce the image",
                                      decoder.width(), decoder.height()));
  }
  // Each block of 8 x 8 pixels takes at least one bit.
  const uint64_t blocks = decoder.width() * decoder.height() / 64;
  if (blocks / 8 > bytes.size()) {
    throw_damaged(path,
                  fmt::format("{} bytes cannot hold a JPEG of {}x{} pixels",
                              bytes.size(), decoder.width(), decoder.height()));
  }
  cv::Mat image(
      static_cast<int>(decoder.height()), static_cast<int>(decoder.width()),
      decoder.is_gray() ? CV_8UC1 : (decoder.is_cmyk() ? CV_8UC4 : CV_8UC3));
  if (!decoder.read_pixels(image.data, image.step[0])) fail();
  return decoder.is_cmyk() ? bgr_from_cmyk(image, decoder.is_inverted())
                           : image;
}

}  // namespace unimiss::io
