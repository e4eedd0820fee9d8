#include "unimiss/io/tensor_archive.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
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

struct Header {
  nlohmann::json json;
  uint64_t data_begin = 0;
  uint64_t data_size = 0;
};

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
  header.json =
      nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
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

/// One tensor's description, checked against the size of the data.
Entry parse_entry(const std::string& path, const std::string& name,
                  const nlohmann::json& json, uint64_t data_size) {
  auto fail = [&](const std::string& why) {
    throw DataError(path, "tensor '" + name + "' " + why);
  };
  Entry entry{};
  try {
    const auto dtype = json.at("dtype").get<std::string>();
    bool known = false;
    for (const auto& [type, type_name] : kTypes) {
      if (dtype == type_name) {
        entry.type = type;
        known = true;
      }
    }
    if (!known) fail("has the unknown dtype " + dtype);
    entry.shape = json.at("shape").get<std::vector<int64_t>>();
    entry.begin = json.at("data_offsets").at(0).get<uint64_t>();
    entry.end = json.at("data_offsets").at(1).get<uint64_t>();
  } catch (const nlohmann::json::exception&) {
    fail("has a malformed header entry");
  }
  uint64_t bytes = c10::elementSize(entry.type);
  for (int64_t extent : entry.shape) {
    if (extent < 0 ||
        __builtin_mul_overflow(bytes, static_cast<uint64_t>(extent), &bytes)) {
      fail("has an impossible shape");
    }
  }
  if (entry.begin > entry.end || entry.end > data_size ||
      entry.end - entry.begin != bytes) {
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

}  // namespace

void save_tensors(const std::string& path, const TensorMap& tensors,
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
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const uint64_t length = text.size();

  const std::string part = path + ".part";
  {
    std::ofstream file(part, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(&length), sizeof length);
    file.write(text.data(), static_cast<std::streamsize>(length));
    for (const auto& [name, tensor] : tensors) {
      const torch::Tensor bytes = tensor.detach().cpu().contiguous();
      file.write(static_cast<const char*>(bytes.data_ptr()),
                 static_cast<std::streamsize>(bytes.nbytes()));
    }
    file.flush();
    if (!file) {
      std::error_code ignored;
      std::filesystem::remove(part, ignored);
      throw DataError(path,
                      "cannot be written (folder missing or read-only, or the "
                      "disk is full); free space or choose another folder");
    }
  }
  std::error_code error;
  std::filesystem::rename(part, path, error);
  if (error) throw DataError(path, "cannot be replaced: " + error.message());
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
  for (const auto& [key, value] : found->items()) {
    metadata[key] = value.is_string() ? value.get<std::string>() : value.dump();
  }
  return metadata;
}

}  // namespace unimiss::io
