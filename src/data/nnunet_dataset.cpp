#include "unimiss/data/nnunet_dataset.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "data/nnunet_names.h"
#include "data/problem_list.h"
#include "unimiss/core/json_file.h"

namespace unimiss::data {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char* kDescription = "dataset.json";

/// What dataset.json says.
struct Description {
  std::vector<std::string> channels, classes;
  std::string ending = ".nii.gz";
  std::optional<int64_t> training;  ///< cases
};

std::optional<int64_t> number_of(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && number >= 0 ? std::optional(number) : std::nullopt;
}

/// Reads the keys of dataset.json.
class DescriptionReader {
 public:
  explicit DescriptionReader(ProblemList& problems) : problems_(problems) {}

  Description read(const Json& json) {
    Description description;
    if (!json.is_object()) {
      tell("holds no object of keys and values");
      return description;
    }
    const bool second = json.contains("channel_names");
    const char* channels = second ? "channel_names" : "modality";
    if (json.contains(channels)) {
      description.channels = names_of(channels, json[channels]);
    } else {
      tell("has no key channel_names, as {\"0\": \"CT\"}");
    }
    if (json.contains("labels")) {
      description.classes = names_of("labels", json["labels"]);
      if (description.classes.size() == 1) {
        tell("labels: names the background alone; name what is to be found");
      }
    } else {
      tell("has no key labels, as {\"background\": 0, \"liver\": 1}");
    }
    read_files(json, description);
    return description;
  }

 private:
  void tell(const std::string& what) { problems_.add(kDescription, what); }

  /// Of {"0": "CT"} or {"liver": 1}: the names, by their numbers.
  std::vector<std::string> names_of(const std::string& key, const Json& json) {
    std::map<int64_t, std::string> names;
    if (!json.is_object()) {
      tell(key + ": is no object of names and numbers");
      return {};
    }
    bool understood = true;
    for (const auto& [left, right] : json.items()) {
      const auto item = named(key, left, right);
      if (item) names.insert(*item);
      understood = understood && item;
    }
    if (!understood) return {};
    const bool whole =
        !names.empty() && names.size() == json.size() &&
        names.rbegin()->first + 1 == static_cast<int64_t>(names.size());
    if (!whole) {
      tell(key + ": must have every number from 0 on, each once");
      return {};
    }
    std::vector<std::string> ordered;
    ordered.reserve(names.size());
    for (const auto& [number, name] : names) ordered.push_back(name);
    return ordered;
  }

  /// One item of either form; nothing, once told, where it is neither.
  std::optional<std::pair<int64_t, std::string>> named(const std::string& key,
                                                       const std::string& left,
                                                       const Json& right) {
    if (key == "labels" && (left == "ignore" || right == "ignore")) {
      tell(
          "labels: an 'ignore' label is not supported; give its voxels a "
          "class, and take it out");
    } else if (right.is_array()) {
      tell(
          fmt::format("{}: '{}' is a region of several labels, which is not "
                      "supported; name each label by one number",
                      key, left));
    } else if (const auto number = number_of(left);
               number && right.is_string()) {
      return std::pair{*number, right.get<std::string>()};
    } else if (key == "labels" && right.is_number_unsigned()) {
      return std::pair{right.get<int64_t>(), left};
    } else {
      tell(fmt::format(
          "{}: '{}': {} is no number and its name", key, left,
          right.dump(-1, ' ', false, Json::error_handler_t::replace)));
    }
    return std::nullopt;
  }

  void read_files(const Json& json, Description& description) {
    if (json.contains("dataset")) {
      tell(
          "dataset: files listed one by one are not supported; put them in "
          "the folders imagesTr and labelsTr");
    }
    if (const auto ending = json.find("file_ending"); ending != json.end()) {
      if (ending->is_string() && ending->get<std::string>().starts_with('.')) {
        description.ending = ending->get<std::string>();
      } else {
        tell("file_ending: is no ending as \".nii.gz\"");
      }
    }
    if (const auto count = json.find("numTraining"); count != json.end()) {
      if (count->is_number_unsigned()) {
        description.training = count->get<int64_t>();
      } else {
        tell("numTraining: is no number of cases");
      }
    }
  }

  ProblemList& problems_;
};

/// The cases of imagesTr and labelsTr, or of imagesTs and labelsTs.
class CaseReader {
 public:
  CaseReader(fs::path folder, const Description& description,
             ProblemList& problems)
      : folder_(std::move(folder)),
        description_(description),
        problems_(problems) {}

  bool has(const std::string& folder) const {
    std::error_code ignored;
    return fs::is_directory(folder_ / folder, ignored);
  }

  std::vector<augment::Case> read(const std::string& images,
                                  const std::string& labels) {
    const std::map<std::string, std::set<int64_t>> found = channels_in(images);
    const bool labeled = has(labels);
    std::set<std::string> maps;
    if (labeled) maps = names_in(labels);
    std::vector<augment::Case> cases;
    for (const auto& [id, channels] : found) {
      augment::Case& added = cases.emplace_back();
      added.id = id;
      check_channels(images, id, channels);
      for (const int64_t channel : channels) {
        added.images.push_back(path(images, image_name(id, channel)));
      }
      if (!labeled) continue;
      if (maps.erase(id) == 0) {
        problems_.add(shown(labels, id + description_.ending),
                      "does not exist, but its images do");
      }
      added.masks.push_back(path(labels, id + description_.ending));
    }
    for (const std::string& id : maps) {
      problems_.add(shown(labels, id + description_.ending),
                    fmt::format("has no image in {}", images));
    }
    return cases;
  }

 private:
  /// Of a problem: the data set's own folder is told before.
  static std::string shown(const std::string& folder, const std::string& name) {
    return fmt::format("{}/{}", folder, name);
  }

  std::string path(const std::string& folder, const std::string& name) const {
    return (folder_ / folder / name).string();
  }

  std::string image_name(const std::string& id, int64_t channel) const {
    return fmt::format("{}_{:04}{}", id, channel, description_.ending);
  }

  /// The names of a folder's files, without their ending.
  std::set<std::string> names_in(const std::string& folder) {
    std::set<std::string> names, others;
    const std::string& ending = description_.ending;
    std::error_code error;
    const fs::directory_iterator entries(folder_ / folder, error);
    if (error) {
      problems_.add(folder, "cannot be read (" + error.message() + ")");
    }
    for (const fs::directory_entry& entry : entries) {
      std::string name = entry.path().filename().string();
      std::error_code ignored;
      if (name.starts_with('.') || !name.ends_with(ending) ||
          name.size() == ending.size() || !entry.is_regular_file(ignored)) {
        others.insert(name);
      } else if (!is_utf8(name)) {
        problems_.add(shown(folder, name), "has a name that is not UTF-8");
      } else {
        names.insert(name.substr(0, name.size() - ending.size()));
      }
    }
    warn_unused((folder_ / folder).string(), others,
                "files that end in " + ending);
    return names;
  }

  /// The channels of each case of a folder.
  std::map<std::string, std::set<int64_t>> channels_in(
      const std::string& folder) {
    std::map<std::string, std::set<int64_t>> found;
    for (const std::string& name : names_in(folder)) {
      if (const auto split = split_channel(name)) {
        found[split->id].insert(split->channel);
      } else {
        problems_.add(shown(folder, name + description_.ending),
                      "has no channel in its name, as _0000");
      }
    }
    return found;
  }

  void check_channels(const std::string& folder, const std::string& id,
                      const std::set<int64_t>& channels) {
    const auto count = static_cast<int64_t>(description_.channels.size());
    if (count == 0) return;  // told before
    for (int64_t channel = 0; channel < count; ++channel) {
      if (channels.contains(channel)) continue;
      problems_.add(shown(folder, image_name(id, channel)),
                    fmt::format("does not exist (channel {}, {})", channel,
                                description_.channels[channel]));
    }
    for (const int64_t channel : channels) {
      if (channel < count) continue;
      problems_.add(
          shown(folder, image_name(id, channel)),
          fmt::format("is of channel {}, but {} names {}", channel,
                      kDescription, fmt::join(description_.channels, ", ")));
    }
  }

  fs::path folder_;
  const Description& description_;
  ProblemList& problems_;
};

}  // namespace

NnunetDataset read_nnunet_dataset(const std::string& folder) {
  const std::string file = (fs::path(folder) / kDescription).string();
  if (!fs::exists(file)) {
    throw DataError(file,
                    "does not exist; name a folder of nnU-Net, with "
                    "dataset.json, imagesTr and labelsTr");
  }
  ProblemList problems;
  const Description description =
      DescriptionReader(problems).read(read_json<nlohmann::json>(file));
  NnunetDataset dataset{description.channels, description.classes, {}, {}};
  CaseReader reader(folder, description, problems);
  for (const char* needed : {"imagesTr", "labelsTr"}) {
    if (!reader.has(needed)) problems.add(needed, "is no folder here");
  }
  if (reader.has("imagesTr")) {
    dataset.training = reader.read("imagesTr", "labelsTr");
    const auto count = static_cast<int64_t>(dataset.training.size());
    if (count == 0) {
      problems.add("imagesTr", "holds no case: no file that ends in _0000" +
                                   description.ending);
    } else if (description.training.value_or(count) != count) {
      problems.add(kDescription,
                   fmt::format("numTraining: is {}, but imagesTr holds {} "
                               "cases",
                               *description.training, count));
    }
  }
  if (reader.has("imagesTs")) {
    dataset.test = reader.read("imagesTs", "labelsTs");
  }
  problems.throw_if_any(folder, "of its files or keys cannot be used");
  return dataset;
}

}  // namespace unimiss::data
