#include "io/dicom_file.h"

#include <dcmtk/config/osconfig.h>
// After the configuration that it needs.
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/oflog/oflog.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <mutex>

#include "io/file_bytes.h"
#include "unimiss/core/error.h"
#include "unimiss/io/formats.h"

namespace unimiss::io {
namespace {

/// No DICOM codec packs more pixels than this into a byte.
constexpr uint64_t kMaxExpansion = 4096;

/// The codecs, and silence: what DCMTK complains about becomes an error here.
void initialize_dcmtk() {
  static std::once_flag once;
  std::call_once(once, [] {
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    DcmRLEDecoderRegistration::registerCodecs();
    DJDecoderRegistration::registerCodecs();
    DJLSDecoderRegistration::registerCodecs();
  });
}

/// Typed reading of a data set.
class Elements {
 public:
  Elements(std::string path, DcmDataset& set)
      : path_(std::move(path)), set_(set) {}

  std::optional<std::string> text(const DcmTagKey& tag) const {
    OFString value;
    if (set_.findAndGetOFStringArray(tag, value).bad() || value.empty()) {
      return std::nullopt;
    }
    return std::string(value.begin(), value.end());
  }

  uint16_t word(const DcmTagKey& tag) const {
    Uint16 value = 0;
    if (set_.findAndGetUint16(tag, value).bad()) {
      throw_damaged(path_, fmt::format("has no {}", name(tag)));
    }
    return value;
  }

  /// Numbers separated by backslashes.
  std::optional<std::vector<double>> numbers(const DcmTagKey& tag) const {
    const auto found = text(tag);
    if (!found) return std::nullopt;
    std::vector<double> values;
    for (const char* at = found->c_str();; ++at) {
      char* end = nullptr;
      values.push_back(std::strtod(at, &end));
      if (end == at || !std::isfinite(values.back())) break;
      while (*end == ' ') ++end;
      if (*end == '\0') return values;
      if (*end != '\\') break;
      at = end;
    }
    throw_damaged(path_,
                  fmt::format("{} is '{}', not numbers", name(tag), *found));
  }

  template <size_t N>
  std::optional<std::array<double, N>> array(const DcmTagKey& tag) const {
    const auto values = numbers(tag);
    if (!values) return std::nullopt;
    if (values->size() != N) {
      throw_damaged(path_, fmt::format("{} has {} values, not {}", name(tag),
                                       values->size(), N));
    }
    std::array<double, N> result{};
    std::copy(values->begin(), values->end(), result.begin());
    return result;
  }

  std::optional<double> number(const DcmTagKey& tag) const {
    const auto values = numbers(tag);
    return values ? std::optional(values->front()) : std::nullopt;
  }

 private:
  static std::string name(const DcmTagKey& tag) {
    return fmt::format("{} ({:04x},{:04x})", DcmTag(tag).getTagName(),
                       tag.getGroup(), tag.getElement());
  }

  const std::string path_;
  DcmDataset& set_;
};

/// How pixels lie in their words.
struct Packing {
  int allocated = 16, stored = 16;  ///< bits
  bool is_signed = false;
  double slope = 1, intercept = 0;
};

Packing packing_of(const std::string& path, const Elements& elements) {
  Packing packing;
  packing.allocated = elements.word(DCM_BitsAllocated);
  packing.stored = elements.word(DCM_BitsStored);
  packing.is_signed = elements.word(DCM_PixelRepresentation) != 0;
  packing.slope = elements.number(DCM_RescaleSlope).value_or(1);
  packing.intercept = elements.number(DCM_RescaleIntercept).value_or(0);
  if ((packing.allocated != 8 && packing.allocated != 16) ||
      packing.stored < 1 || packing.stored > packing.allocated ||
      elements.word(DCM_HighBit) != packing.stored - 1) {
    throw DataError(path, fmt::format("pixels of {} bits stored in {} are not "
                                      "supported; convert the file",
                                      packing.stored, packing.allocated));
  }
  return packing;
}

/// The low bits of each stored word, with their sign, rescaled.
template <class Word>
std::vector<float> rescaled(const Word* words, size_t count,
                            const Packing& packing) {
  std::vector<float> intensities(count);
  const int mask = (1 << packing.stored) - 1;
  const int sign = packing.is_signed ? 1 << (packing.stored - 1) : 0;
  std::transform(words, words + count, intensities.begin(), [&](Word word) {
    int value = word & mask;
    if ((value & sign) != 0) value -= mask + 1;
    return static_cast<float>(value * packing.slope + packing.intercept);
  });
  return intensities;
}

/// Decodes grey pixels; sizes are compared before memory is taken for them.
std::vector<float> decode(const std::string& path, DcmDataset& set,
                          const Packing& packing, uint64_t count) {
  const uint64_t needed = count * (packing.allocated / 8);
  DcmElement* element = nullptr;
  set.findAndGetElement(DCM_PixelData, element);
  const auto syntax = DcmXfer(set.getOriginalXfer());
  uint64_t present = element->getLength(set.getOriginalXfer());
  if (syntax.isEncapsulated()) present *= kMaxExpansion;
  if (present < needed) {
    throw_damaged(path, fmt::format("its pixels take {} bytes, fewer than the "
                                    "{} that its size asks for",
                                    present, needed));
  }
  if (set.chooseRepresentation(EXS_LittleEndianExplicit, nullptr).bad()) {
    throw DataError(path, fmt::format("its pixels ({}) cannot be decoded; "
                                      "decompress it (e.g. gdcmconv --raw)",
                                      syntax.getXferName()));
  }
  const Uint16* words = nullptr;
  const Uint8* bytes = nullptr;
  unsigned long length = 0;
  if (set.findAndGetUint16Array(DCM_PixelData, words, &length).good()) {
    length *= sizeof(Uint16);
    bytes = reinterpret_cast<const Uint8*>(words);
  } else if (set.findAndGetUint8Array(DCM_PixelData, bytes, &length).bad()) {
    throw_damaged(path, "its pixels cannot be read");
  }
  if (length < needed) throw_damaged(path, "its pixels are truncated");
  if (packing.allocated == 8) return rescaled(bytes, count, packing);
  return rescaled(reinterpret_cast<const Uint16*>(bytes), count, packing);
}

std::optional<DicomImage::Window> window_of(const std::string& path,
                                            const Elements& elements) {
  const auto center = elements.number(DCM_WindowCenter);
  const auto width = elements.number(DCM_WindowWidth);
  if (!center || !width) return std::nullopt;
  const std::string function =
      elements.text(DCM_VOILUTFunction).value_or("LINEAR");
  if (!(*width > 0) || (function == "LINEAR" && *width < 1)) {
    throw_damaged(path, fmt::format("has a window {} wide", *width));
  }
  return DicomImage::Window{*center, *width, function};
}

DicomImage interpret(const std::string& path, DcmDataset& set, DicomUse use) {
  const Elements elements(path, set);
  DicomImage result;
  if (!set.tagExists(DCM_PixelData)) {
    result.samples = 0;
    return result;
  }
  result.rows = elements.word(DCM_Rows);
  result.columns = elements.word(DCM_Columns);
  const auto count = static_cast<uint64_t>(result.rows * result.columns);
  if (count == 0) throw_damaged(path, "an image without pixels");
  if (count > kMaxPixels) throw_damaged(path, "more than 2^30 pixels");
  const double frames = elements.number(DCM_NumberOfFrames).value_or(1);
  if (frames != 1) {
    throw DataError(path, fmt::format("holds {} frames; export one file per "
                                      "slice",
                                      frames));
  }
  result.samples = elements.word(DCM_SamplesPerPixel);
  const std::string photometric =
      elements.text(DCM_PhotometricInterpretation).value_or("");
  if (photometric == "PALETTE COLOR") result.samples = 3;
  result.is_negative = photometric == "MONOCHROME1";
  result.series = elements.text(DCM_SeriesInstanceUID).value_or("");
  result.pixel_spacing = elements.array<2>(DCM_PixelSpacing);
  result.slice_thickness = elements.number(DCM_SliceThickness);
  result.position = elements.array<3>(DCM_ImagePositionPatient);
  result.orientation = elements.array<6>(DCM_ImageOrientationPatient);
  if (use == DicomUse::kXray) result.window = window_of(path, elements);
  if (result.samples == 1) {
    result.intensities = decode(path, set, packing_of(path, elements), count);
  }
  return result;
}

}  // namespace

bool is_dicom_file(const std::string& path) {
  std::array<char, 132> begin{};
  std::ifstream file(path, std::ios::binary);
  file.read(begin.data(), begin.size());
  const FileFormat* format = find_format(path);
  return std::string_view(&begin[128], 4) == "DICM" ||
         (format != nullptr && format->ending == ".dcm");
}

DicomImage read_dicom_file(const std::string& path, DicomUse use) {
  require_exists(path);
  initialize_dcmtk();
  DcmFileFormat file;
  OFCondition status = file.loadFile(path.c_str());
  if (status.good()) status = file.loadAllDataIntoMemory();
  if (status.bad()) {
    throw_damaged(path, fmt::format("cannot be read as DICOM ({}; damaged or "
                                    "truncated?)",
                                    status.text()));
  }
  return interpret(path, *file.getDataset(), use);
}

std::vector<float> windowed(const DicomImage& image) {
  std::vector<float> out(image.intensities.size());
  const auto [low, high] =
      std::minmax_element(image.intensities.begin(), image.intensities.end());
  const double least = *low, range = *high - least;
  std::transform(
      image.intensities.begin(), image.intensities.end(), out.begin(),
      [&](float value) {
        double y = 0;
        if (!image.window) {
          y = range > 0 ? (value - least) / range : 0;
        } else if (image.window->function == "SIGMOID") {
          y = 1 / (1 + std::exp(-4 * (value - image.window->center) /
                                image.window->width));
        } else if (image.window->function == "LINEAR_EXACT") {
          y = (value - image.window->center) / image.window->width + 0.5;
        } else {
          const double offset = value - (image.window->center - 0.5);
          const double width = image.window->width - 1;
          y = width > 0 ? offset / width + 0.5 : (offset > 0 ? 1 : 0);
        }
        y = std::clamp(y, 0.0, 1.0);
        return static_cast<float>(image.is_negative ? 1 - y : y);
      });
  return out;
}

}  // namespace unimiss::io
