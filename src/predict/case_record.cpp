#include "predict/case_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "unimiss/io/durable_file.h"
#include "unimiss/io/volume.h"

namespace unimiss::predict {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kFolder = "/cases";

}  // namespace

std::string record_file(const std::string& output, const std::string& id) {
  return output + kFolder + "/" + id + ".json";
}

std::optional<CaseRecord> read_record(const std::string& output,
                                      const std::string& id) {
  std::ifstream file(record_file(output, id));
  const Json json = Json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  try {
    CaseRecord record{id,
                      json.at("input").get<std::string>(),
                      json.at("reference").get<std::string>(),
                      json.at("files").get<std::vector<std::string>>(),
                      json.at("maps").get<std::map<std::string, std::string>>(),
                      std::nullopt,
                      json.at("probabilities").get<std::vector<double>>(),
                      json.at("reference_problem").get<std::string>()};
    if (json.at("dice").is_number()) record.dice = json["dice"].get<double>();
    return record;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

void write_record(const std::string& output, const CaseRecord& record) {
  const Json json{{"case", record.id},
                  {"input", record.input},
                  {"reference", record.reference},
                  {"files", record.files},
                  {"maps", record.maps},
                  {"dice", record.dice ? Json(*record.dice) : Json(nullptr)},
                  {"probabilities", record.probabilities},
                  {"reference_problem", record.reference_problem}};
  std::error_code ignored;  // writing tells what is wrong
  fs::create_directories(output + kFolder, ignored);
  // A path need not be UTF-8.
  io::write_durably(
      record_file(output, record.id),
      json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

bool maps_are_there(const std::string& output, const CaseRecord& record) {
  return std::all_of(
      record.maps.begin(), record.maps.end(), [&](const auto& map) {
        std::error_code missing;
        const auto size = fs::file_size(fs::path(output) / map.first, missing);
        return !missing && map.second.starts_with(fmt::format("{} ", size));
      });
}

std::map<std::string, std::string> digests_of(
    const std::string& output, const std::vector<std::string>& maps) {
  std::map<std::string, std::string> digests;
  for (const std::string& map : maps) {
    const io::FileDigest digest =
        io::digest_of((fs::path(output) / map).string());
    digests[map] = fmt::format("{} {:08x}", digest.bytes, digest.crc32);
  }
  return digests;
}

void forget_others(const std::string& output, const CaseRecord& record) {
  const auto before = read_record(output, record.id);
  std::error_code ignored;  // usually they are not there
  for (const auto& [map, digest] :
       before ? before->maps : std::map<std::string, std::string>()) {
    const std::string file = (fs::path(output) / map).string();
    if (fs::exists(file, ignored) &&
        digests_of(output, {map}).at(map) != digest) {
      throw DataError(file,
                      "is no longer as it was predicted (corrected by hand, or "
                      "damaged) and would be overwritten; move it away to "
                      "predict the case again");
    }
  }
  fs::remove(record_file(output, record.id), ignored);
  if (!before || before->input == record.input) return;
  for (const std::string& file : before->files) {
    const fs::path path = fs::path(file).lexically_normal();
    // Whatever a record says, nothing outside of the folder.
    if (path.is_relative() && *path.begin() != "..") {
      fs::remove(output / path, ignored);
    }
  }
}

std::vector<std::string> recorded_ids(const std::string& output) {
  std::vector<std::string> ids;
  std::error_code error;
  for (fs::directory_iterator entry(output + kFolder, error), end;
       !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() == ".json") {
      ids.push_back(entry->path().stem().string());
    }
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::vector<CaseRecord> read_records(const std::string& output,
                                     const std::vector<std::string>& ids) {
  std::vector<CaseRecord> records;
  for (const std::string& id : ids) {
    if (auto record = read_record(output, id)) {
      records.push_back(std::move(*record));
    }
  }
  return records;
}

std::string input_text(const std::vector<std::string>& files) {
  std::string text;
  for (const std::string& name : files) {
    for (const std::string& file : io::volume_files(name)) {
      std::error_code ignored;
      const auto changed = fs::last_write_time(file, ignored);
      const fs::path path = fs::absolute(file);
      text += fmt::format(
          "{}{}/{} {} {}", text.empty() ? "" : "|",
          path.parent_path().filename().string(), path.filename().string(),
          fs::file_size(file, ignored), changed.time_since_epoch().count());
    }
  }
  return text;
}

}  // namespace unimiss::predict
