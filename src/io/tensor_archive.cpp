#include "unimiss/io/tensor_archive.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "unimiss/core/error.h"

namespace unimiss::io {
namespace {

constexpr std::pair<c10::ScalarType, const char*> kTypes[] = {
    {torch::kFloat, "F32"},     {torch::kDouble, "F64"}, {torch::kHalf, "F16"},
    {torch::kBFloat16, "BF16"}, {torch::kLong, "I64"},   {torch::kInt, "I32"},
    {torch::kShort, "I16"},     {torch::kChar, "I8"},    {torch::kByte, "U8"},
    {torch::kBool, "BOOL"}};
/// Larger headers than this are refused before they are read.
constexpr uint64_t kMaxHeader = 100'000'000;
/// More axes than operations take.
constexpr size_t kMaxRank = 64;

struct Header {
  nlohmann::json json;
  uint64_t data_begin = 0;
  uint64_t data_size = 0;
};

/// The JSON of a header, "discarded" when it is none. The format nests lists in
/// objects in an object: what lies deeper is refused while it is read, and so
/// is a name that comes twice, of which JSON would keep the last.
nlohmann::json parse_header(const std::string& text, const std::string& path) {
  using Event = nlohmann::json::parse_event_t;
  std::unordered_set<std::string> names;
  auto watch = [&](int depth, Event event, nlohmann::json& parsed) {
    if (depth > 2 &&
        (event == Event::object_start || event == Event::array_start)) {
      throw DataError(path,
                      "is not a safetensors file (its JSON header has "
                      "lists in lists)");
    }
    if (depth == 1 && event == Event::key) {
      const auto& name = parsed.get_ref<const std::string&>();
      if (!names.insert(name).second) {
        throw DataError(path, "names the tensor '" + name + "' twice");
      }
    }
    return true;
  };
  return nlohmann::json::parse(text, watch, /*allow_exceptions=*/false);
}

Header read_header(std::ifstream& file, const std::string& path) {
  std::error_code ec;
  const uint64_t size = std::filesystem::file_size(path, ec);
  if (!file || ec) throw DataError(path, "cannot be opened for reading");
  uint64_t length = 0;
  file.read(reinterpret_cast<char*>(&length), sizeof length);
  if (!file || length > kMaxHeader || length > size - sizeof length) {
    throw DataError(path,
                    "is not a safetensors file, or is cut short (its header "
                    "length does not fit the file)");
  }
  std::string text(length, '\0');
  file.read(text.data(), static_cast<std::streamsize>(length));
  Header header;
  header.json = parse_header(text, path);
  if (!file || !header.json.is_object()) {
    throw DataError(path, "is not a safetensors file (no JSON header)");
  }
  header.data_begin = sizeof length + length;
  header.data_size = size - header.data_begin;
  return header;
}

struct Entry {
  c10::ScalarType type;
  std::vector<int64_t> shape;
  uint64_t begin, end;
};

/// A list of whole numbers from 0; nothing where it is anything else, which
/// nlohmann would convert: 1.5, -1 and true.
std::optional<std::vector<uint64_t>> whole_numbers(const nlohmann::json& json,
                                                   const char* key) {
  const auto found = json.find(key);  // also of what is no object
  if (found == json.end() || !found->is_array()) return std::nullopt;
  std::vector<uint64_t> numbers;
  for (const nlohmann::json& item : *found) {
    if (!item.is_number_unsigned()) return std::nullopt;
    numbers.push_back(item.get<uint64_t>());
  }
  return numbers;
}

/// Nothing where LibTorch could not hold the tensor. Strides count an extent of
/// 0 as 1: an empty tensor, too, must not be too large in its other axes.
std::optional<uint64_t> bytes_of(const std::vector<uint64_t>& shape,
                                 c10::ScalarType type) {
  if (shape.size() > kMaxRank) return std::nullopt;
  uint64_t bytes = c10::elementSize(type);
  bool empty = false;
  for (const uint64_t extent : shape) {
    empty = empty || extent == 0;
    if (__builtin_mul_overflow(bytes, std::max<uint64_t>(extent, 1), &bytes) ||
        bytes > uint64_t{std::numeric_limits<int64_t>::max()}) {
      return std::nullopt;
    }
  }
  return empty ? 0 : bytes;
}

/// One tensor's description, checked against the size of the data.
Entry parse_entry(const std::string& path, const std::string& name,
                  const nlohmann::json& json, uint64_t data_size) {
  auto fail = [&](const std::string& why) {
    throw DataError(path, "tensor '" + name + "' " + why);
  };
  const auto dtype = json.find("dtype");
  const auto shape = whole_numbers(json, "shape");
  const auto offsets = whole_numbers(json, "data_offsets");
  if (dtype == json.end() || !dtype->is_string() || !shape || !offsets ||
      offsets->size() != 2) {
    fail("has a malformed header entry");
  }
  const auto known =
      std::find_if(std::begin(kTypes), std::end(kTypes),
                   [&](const auto& type) { return *dtype == type.second; });
  if (known == std::end(kTypes)) {
    fail("has the unknown dtype " + dtype->get<std::string>());
  }
  const auto bytes = bytes_of(*shape, known->first);
  if (!bytes) fail("has an impossible shape");
  const Entry entry{known->first,
                    {shape->begin(), shape->end()},
                    offsets->front(),
                    offsets->back()};
  if (entry.begin > entry.end || entry.end > data_size ||
      entry.end - entry.begin != *bytes) {
    fail("does not fit the file (cut short, or a damaged header)");
  }
  return entry;
}

const char* type_name(const std::string& name, c10::ScalarType type) {
  for (const auto& [candidate, text] : kTypes) {
    if (candidate == type) return text;
  }
  TORCH_CHECK(false, "tensor '", name,
              "' has a dtype safetensors lacks: ", type);
}

/// Any other byte than 0 and 1 is undefined behaviour in a bool.
void check_truth_values(const std::string& path, const std::string& name,
                        const torch::Tensor& tensor) {
  const auto* bytes = static_cast<const uint8_t*>(tensor.data_ptr());
  if (std::any_of(bytes, bytes + tensor.nbytes(),
                  [](uint8_t byte) { return byte > 1; })) {
    throw DataError(path, "tensor '" + name +
                              "' is of dtype BOOL and holds other values than "
                              "0 and 1");
  }
}

}  // namespace

FileDigest save_tensors(const std::string& path, const TensorMap& tensors,
                        const Metadata& metadata) {
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    header[name] = {{"dtype", type_name(name, tensor.scalar_type())},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {offset, offset + tensor.nbytes()}}};
    offset += tensor.nbytes();
  }
  // Metadata may hold names of folders, which are any bytes.
  std::string text =
      header.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  text.append((8 - text.size() % 8) % 8, ' ');
  const uint64_t length = text.size();

  DurableFile file(path);
  file.write(&length, sizeof length);
  file.write(text.data(), text.size());
  for (const auto& [name, tensor] : tensors) {
    const torch::Tensor bytes = tensor.detach().cpu().contiguous();
    file.write(bytes.data_ptr(), bytes.nbytes());
  }
  return file.commit();
}

TensorMap load_tensors(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const Header header = read_header(file, path);
  std::vector<std::pair<std::string, Entry>> entries;
  for (const auto& [name, json] : header.json.items()) {
    if (name == "__metadata__") continue;
    entries.emplace_back(name, parse_entry(path, name, json, header.data_size));
  }
  // The format has neither holes nor overlaps; without that a small file could
  // ask for any amount of memory.
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second.begin, a.second.end) <
           std::pair(b.second.begin, b.second.end);
  });
  uint64_t expected = 0;
  for (const auto& [name, entry] : entries) {
    if (entry.begin != expected) {
      throw DataError(path, "tensor '" + name +
                                "' overlaps another or leaves a hole (a "
                                "damaged header)");
    }
    expected = entry.end;
  }
  if (expected != header.data_size) {
    throw DataError(path, "holds bytes that belong to no tensor");
  }
  TensorMap tensors;
  for (const auto& [name, entry] : entries) {
    torch::Tensor tensor = torch::empty(entry.shape, entry.type);
    file.seekg(static_cast<std::streamoff>(header.data_begin + entry.begin));
    file.read(static_cast<char*>(tensor.data_ptr()),
              static_cast<std::streamsize>(entry.end - entry.begin));
    if (!file) throw DataError(path, "ended while '" + name + "' was read");
    if (entry.type == torch::kBool) check_truth_values(path, name, tensor);
    tensors.emplace(name, std::move(tensor));
  }
  return tensors;
}

Metadata load_metadata(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const Header header = read_header(file, path);
  Metadata metadata;
  const auto found = header.json.find("__metadata__");
  if (found == header.json.end()) return metadata;
  if (!found->is_object()) {
    throw DataError(path,
                    "has metadata that is not an object (a damaged "
                    "header)");
  }
  for (const auto& [key, value] : found->items()) {
    if (!value.is_string()) {
      throw DataError(path, "has metadata '" + key +
                                "' that is not text (a damaged header)");
    }
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

}  // namespace unimiss::io
