#pragma once

#include <cstdint>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

namespace unimiss::io {

/// The pixels of a JPEG, 8 bits, grey or interleaved BGR.
///
/// OpenCV decodes damaged files too and fills what is lost with grey; here any
/// complaint of libjpeg about the data is an error.
/// Throws DataError naming `path` for data that is truncated or corrupt and for
/// a size that the bytes cannot hold.
cv::Mat decode_jpeg(const std::string& path, const std::vector<uint8_t>& bytes);

}  // namespace unimiss::io
