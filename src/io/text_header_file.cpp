#include "io/text_header_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <filesystem>
#include <map>
#include <sstream>
#include <string_view>

#include "io/file_bytes.h"
#include "unimiss/core/error.h"
#include "unimiss/core/text.h"
#include "unimiss/io/formats.h"

namespace unimiss::io {
namespace {

namespace fs = std::filesystem;

constexpr bool kBigEndianHost = std::endian::native == std::endian::big;

[[noreturn]] void refuse(const std::string& path, const std::string& what) {
  throw DataError(path, what +
                            " is not supported; save it as one raw or "
                            "compressed file (e.g. .nii.gz)");
}

std::string lowered(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return lower;
}

/// The lines of a header as lower-case key and value.
class TextHeader {
 public:
  TextHeader(std::string path, const std::vector<uint8_t>& bytes)
      : path_(std::move(path)),
        text_(reinterpret_cast<const char*>(bytes.data()), bytes.size()) {}

  /// The next line; nothing at the end of the file.
  std::optional<std::string_view> line() {
    if (end_ >= text_.size()) return std::nullopt;
    // The last line of a detached header may lack its end.
    const size_t end = std::min(text_.find('\n', end_), text_.size());
    const auto found = text_.substr(end_, end - end_);
    end_ = std::min(end + 1, text_.size());
    return trimmed(found);
  }
  /// Notes "key <separator> value"; false for other lines.
  bool add(std::string_view text, std::string_view separator) {
    const size_t at = text.find(separator);
    if (at == std::string_view::npos) return false;
    fields_[lowered(trimmed(text.substr(0, at)))] =
        std::string(trimmed(text.substr(at + separator.size())));
    return true;
  }
  /// The byte after the last line read.
  size_t end() const { return end_; }

  bool has(const std::string& key) const { return fields_.contains(key); }
  std::string get(const std::string& key, const std::string& absent) const {
    const auto found = fields_.find(key);
    return found == fields_.end() ? absent : found->second;
  }
  std::string required(const std::string& key) const {
    if (!has(key)) throw_damaged(path_, "its header has no '" + key + "'");
    return fields_.at(key);
  }
  int64_t integer(const std::string& key, int64_t absent) const {
    if (!has(key)) return absent;
    const std::string& text = fields_.at(key);
    int64_t value = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
      throw_damaged(
          path_,
          fmt::format("'{}' of its header is '{}', not an integer", key, text));
    }
    return value;
  }

  /// The product of the three extents under `key`, below 2^45.
  int64_t voxel_count(int64_t rank, const std::string& key) const {
    std::istringstream text(required(key));
    std::vector<int64_t> extents;
    for (int64_t extent; text >> extent;) extents.push_back(extent);
    if (rank != 3 || extents.size() != 3) {
      throw DataError(path_, fmt::format("expected one 3D volume, not an image "
                                         "of '{}'; split or stack it first",
                                         required(key)));
    }
    int64_t count = 1;
    for (const int64_t extent : extents) {
      if (extent < 1 || extent > 32767) {
        throw_damaged(path_, fmt::format("an extent of {} voxels", extent));
      }
      count *= extent;
    }
    return count;
  }

 private:
  const std::string path_;
  const std::string_view text_;
  size_t end_ = 0;
  std::map<std::string, std::string> fields_;
};

c10::ScalarType type_of(const std::string& path, const std::string& name,
                        const std::map<std::string, c10::ScalarType>& types) {
  const auto found = types.find(lowered(name));
  if (found == types.end()) refuse(path, "data of the type '" + name + "'");
  return found->second;
}

/// The data behind a header: in the file itself, or in the named one.
std::vector<uint8_t> data_bytes(const std::string& path,
                                const std::string& name,
                                std::vector<uint8_t>&& header,
                                size_t header_end) {
  if (name.empty()) {
    header.erase(header.begin(),
                 header.begin() + static_cast<std::ptrdiff_t>(header_end));
    return std::move(header);
  }
  if (!may_be_detached(path)) {
    throw DataError(path, fmt::format("its voxels lie in '{}'; rename the "
                                      "header to .mhd or .nhdr",
                                      name));
  }
  // As a header may come from anywhere, it names files of its folder only.
  if (fs::path(name).has_parent_path()) {
    throw DataError(path, fmt::format("its data '{}' lies in another folder; "
                                      "put both files into one",
                                      name));
  }
  try {
    return read_file_bytes((fs::path(path).parent_path() / name).string());
  } catch (const DataError& error) {
    throw DataError(path, std::string("its data: ") + error.what());
  }
}

/// Where raw voxels begin when `skip` bytes come first; -1: they end the data.
size_t raw_offset(const std::string& path, const StoredVoxels& voxels,
                  int64_t skip) {
  const uint64_t needed = bytes_needed(voxels);
  const uint64_t present = voxels.bytes.size();
  if (skip == -1) return present >= needed ? present - needed : 0;
  if (skip < 0 || static_cast<uint64_t>(skip) > present) {
    throw_damaged(
        path, fmt::format("voxels start at byte {}, outside of the {} bytes "
                          "of the data",
                          skip, present));
  }
  return static_cast<size_t>(skip);
}

bool is_true(const std::string& text) { return lowered(text) == "true"; }

}  // namespace

StoredVoxels read_metaimage_voxels(const std::string& path) {
  static const std::map<std::string, c10::ScalarType> kTypes{
      {"met_char", torch::kInt8},     {"met_uchar", torch::kUInt8},
      {"met_short", torch::kInt16},   {"met_ushort", torch::kUInt16},
      {"met_int", torch::kInt32},     {"met_uint", torch::kUInt32},
      {"met_float", torch::kFloat32}, {"met_double", torch::kFloat64}};
  std::vector<uint8_t> file = read_file_bytes(path);
  TextHeader header(path, file);
  // The field that names the data ends the header.
  constexpr const char* kData = "elementdatafile";
  while (!header.has(kData)) {
    const auto line = header.line();
    if (!line || !header.add(*line, "=")) {
      throw_damaged(path,
                    "not a MetaImage (its header has no ElementDataFile)");
    }
  }
  StoredVoxels voxels;
  voxels.count = header.voxel_count(header.integer("ndims", 3), "dimsize");
  voxels.type = type_of(path, header.required("elementtype"), kTypes);
  if (header.integer("elementnumberofchannels", 1) != 1) {
    refuse(path, "a volume of several channels");
  }
  if (header.has("binarydata") && !is_true(header.get("binarydata", ""))) {
    refuse(path, "a MetaImage of text");
  }
  const bool big_endian = is_true(header.get(
      "binarydatabyteordermsb", header.get("elementbyteordermsb", "False")));
  voxels.swapped = big_endian != kBigEndianHost;
  const std::string name = header.get(kData, "");
  if (name == "LIST" || name.find('%') != std::string::npos) {
    refuse(path, "a volume of one file per slice");
  }
  const size_t end = header.end();
  voxels.bytes =
      data_bytes(path, name == "LOCAL" ? "" : name, std::move(file), end);
  if (is_true(header.get("compresseddata", "False"))) {
    voxels.bytes = inflate_zlib(path, voxels.bytes, bytes_needed(voxels));
  } else {
    voxels.offset = raw_offset(path, voxels, header.integer("headersize", 0));
  }
  check_voxels_present(path, voxels);
  return voxels;
}

StoredVoxels read_nrrd_voxels(const std::string& path) {
  static const std::map<std::string, c10::ScalarType> kTypes{
      {"signed char", torch::kInt8},
      {"int8", torch::kInt8},
      {"int8_t", torch::kInt8},
      {"uchar", torch::kUInt8},
      {"unsigned char", torch::kUInt8},
      {"uint8", torch::kUInt8},
      {"uint8_t", torch::kUInt8},
      {"short", torch::kInt16},
      {"short int", torch::kInt16},
      {"signed short", torch::kInt16},
      {"signed short int", torch::kInt16},
      {"int16", torch::kInt16},
      {"int16_t", torch::kInt16},
      {"ushort", torch::kUInt16},
      {"unsigned short", torch::kUInt16},
      {"unsigned short int", torch::kUInt16},
      {"uint16", torch::kUInt16},
      {"uint16_t", torch::kUInt16},
      {"int", torch::kInt32},
      {"signed int", torch::kInt32},
      {"int32", torch::kInt32},
      {"int32_t", torch::kInt32},
      {"uint", torch::kUInt32},
      {"unsigned int", torch::kUInt32},
      {"uint32", torch::kUInt32},
      {"uint32_t", torch::kUInt32},
      {"float", torch::kFloat32},
      {"double", torch::kFloat64}};
  std::vector<uint8_t> file = read_file_bytes(path);
  TextHeader header(path, file);
  const auto magic = header.line();
  if (!magic || !magic->starts_with("NRRD000")) {
    throw_damaged(path, "not an NRRD file (its first line is not NRRD000x)");
  }
  while (true) {
    const auto line = header.line();
    // A detached header may end without the blank line.
    if (!line || line->empty()) break;
    if (line->starts_with('#') || line->find(":=") != std::string_view::npos) {
      continue;
    }
    if (!header.add(*line, ":")) {
      throw_damaged(path, fmt::format("the line '{}' of its header has no ':'",
                                      line->substr(0, 80)));
    }
  }
  StoredVoxels voxels;
  voxels.count = header.voxel_count(header.integer("dimension", 0), "sizes");
  voxels.type = type_of(path, header.required("type"), kTypes);
  voxels.swapped =
      (lowered(header.get("endian", "little")) == "big") != kBigEndianHost;
  const std::string name = header.get("data file", header.get("datafile", ""));
  if (name.starts_with("LIST") || name.find('%') != std::string::npos) {
    refuse(path, "a volume of one file per slice");
  }
  if (name.empty() && may_be_detached(path)) {
    throw_damaged(path, "its header names no data file");
  }
  if (header.integer("line skip", header.integer("lineskip", 0)) != 0) {
    refuse(path, "'line skip'");
  }
  const std::string encoding = lowered(header.required("encoding"));
  const bool packed = encoding == "gzip" || encoding == "gz";
  if (!packed && encoding != "raw") {
    refuse(path, "the encoding '" + encoding + "'");
  }
  const size_t end = header.end();
  voxels.bytes = data_bytes(path, name, std::move(file), end);
  const int64_t skip =
      header.integer("byte skip", header.integer("byteskip", 0));
  if (packed) {
    const int64_t before = std::clamp<int64_t>(skip, 0, kTrailingBytes);
    voxels.bytes = inflate_gzip(path, voxels.bytes,
                                before + bytes_needed(voxels) + kTrailingBytes);
  }
  voxels.offset = raw_offset(path, voxels, skip);
  check_voxels_present(path, voxels);
  return voxels;
}

std::string detached_data_file(const std::string& path) {
  const std::vector<uint8_t> file = read_file_bytes(path);
  TextHeader header(path, file);
  const FileFormat* format = find_format(path);
  const bool meta =
      format != nullptr && format->reader == FileReader::kMetaImage;
  while (const auto line = header.line()) header.add(*line, meta ? "=" : ":");
  const std::string name = header.get(
      "elementdatafile", header.get("data file", header.get("datafile", "")));
  return name.empty() ? name : (fs::path(path).parent_path() / name).string();
}

}  // namespace unimiss::io
