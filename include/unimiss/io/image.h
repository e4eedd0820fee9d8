#pragma once

#include <torch/types.h>

#include <string>

/// 2D images: X-rays and photographs as PNG, JPEG or DICOM files.
namespace unimiss::io {

/// The stored values of a PNG or JPEG file, recognised by content, not by name:
/// [1, H, W] (grey) or [3, H, W] (red, green, blue), uint8 or uint16. Of a grey
/// DICOM X-ray: rescaled, through its window (else its own range), bone bright
/// whatever its photometric interpretation, as uint16 [1, H, W].
///
/// Palettes are looked up, 1-, 2- and 4-bit grey is stretched to 0..255, alpha
/// is dropped, CMYK is converted; a rotation noted in EXIF is not applied.
/// Throws DataError for a file that is missing, truncated, damaged, of another
/// format, or larger than 2^30 pixels. A JPEG has no checksum: damage that its
/// decoder does not complain of goes unseen.
torch::Tensor read_pixels(const std::string& path);

/// read_pixels as float32 in [0, 1]: 8-bit values / 255, 16-bit values / 65535.
torch::Tensor read_image(const std::string& path);

/// The bytes of a PNG: uint8 [H, W] (grey) or [3, H, W] (RGB) with 8 bits,
/// uint16 or int32 [H, W] with 16 bits.
std::string encode_png(const torch::Tensor& image);

/// Writes them. Throws DataError when the file cannot be written.
void write_png(const std::string& path, const torch::Tensor& image);

}  // namespace unimiss::io
