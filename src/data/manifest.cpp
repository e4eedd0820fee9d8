#include "unimiss/data/manifest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "data/list_rows.h"
#include "data/problem_list.h"
#include "unimiss/core/error.h"
#include "unimiss/core/log.h"
#include "unimiss/core/text.h"

namespace unimiss::data {
namespace {

namespace fs = std::filesystem;

/// What separates the values of one field.
constexpr char kSeparator = '|';

std::optional<int64_t> parse_label(const std::string& text) {
  int64_t label = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), label);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(label) : std::nullopt;
}

/// The values of a field, without the blanks around them.
std::vector<std::string> values_of(std::string_view field) {
  std::vector<std::string> values;
  for (size_t end = 0; end != std::string_view::npos;) {
    end = field.find(kSeparator);
    values.emplace_back(trimmed(field.substr(0, end)));
    if (end != std::string_view::npos) field.remove_prefix(end + 1);
  }
  return values;
}

/// Names in brackets, the first ones where there are many: " (a, b, c)".
std::string in_brackets(const std::vector<std::string>& names) {
  constexpr size_t kShownNames = 20;
  if (names.empty()) return "";
  const size_t shown = std::min(names.size(), kShownNames);
  return fmt::format(" ({}{})",
                     fmt::join(names.begin(), names.begin() + shown, ", "),
                     shown < names.size() ? ", ..." : "");
}

/// Makes an entry of a row, or says what is wrong with it.
class Checker {
 public:
  Checker(fs::path folder, const ManifestOptions& options,
          ProblemList& problems)
      : folder_(std::move(folder)), options_(options), problems_(problems) {}

  std::optional<ManifestEntry> check(const ListRow& row) {
    wrong_.clear();
    ManifestEntry entry{row.line, {}, {}, {}, row.patient, row.split};
    read_images(row, entry);
    if (options_.target == ManifestTarget::kMask) {
      read_masks(row, entry);
    } else if (has_labels()) {
      read_labels(row, entry);
    }
    if (wrong_.empty()) return entry;
    problems_.add(line_text(row.line),
                  fmt::format("{}", fmt::join(wrong_, "; ")));
    return std::nullopt;
  }

 private:
  bool has_labels() const {
    return options_.target == ManifestTarget::kLabel ||
           options_.target == ManifestTarget::kLabels;
  }

  /// The paths of a line that may also have a target.
  std::vector<std::string> paths_before_target(const std::string& line) const {
    const auto all_exist = [&](const std::vector<std::string>& paths) {
      return std::all_of(paths.begin(), paths.end(),
                         [&](const std::string& path) { return exists(path); });
    };
    auto paths = paths_in(line, options_.images);
    const size_t blank = line.find_last_of(kBlanks);
    if (blank == std::string::npos || all_exist(paths)) return paths;
    auto before =
        paths_in(std::string(trimmed(line.substr(0, blank))), options_.images);
    return all_exist(before) ? before : paths;
  }

  void read_images(const ListRow& row, ManifestEntry& entry) {
    if (row.image.empty()) return wrong_.push_back("no path");
    const auto paths = options_.target == ManifestTarget::kUnread
                           ? paths_before_target(row.image)
                           : paths_in(row.image, options_.images);
    if (static_cast<int64_t>(paths.size()) != options_.images) {
      wrong_.push_back(fmt::format("{} has {}, {} expected (separated by '{}')",
                                   row.image, counted(paths.size(), "image"),
                                   are(options_.images), kSeparator));
    }
    for (const std::string& path : paths) {
      if (path.empty()) {
        wrong_.push_back(fmt::format("{} has an empty path beside a '{}'",
                                     row.image, kSeparator));
      } else if (!exists(path) && options_.target != ManifestTarget::kUnread) {
        wrong_.push_back(path + " " + why_not(path));
      }
      entry.images.push_back((folder_ / path).string());
    }
  }

  void read_masks(const ListRow& row, ManifestEntry& entry) {
    const auto paths = paths_in(row.target, options_.masks);
    if (!row.target.empty() &&
        static_cast<int64_t>(paths.size()) != options_.masks) {
      wrong_.push_back(
          fmt::format("{} has {}, {} expected{}{}", row.image,
                      counted(paths.size(), "mask"), are(options_.masks),
                      options_.names.empty() ? "" : ", one for each structure",
                      in_brackets(options_.names)));
    }
    for (const std::string& path : paths) {
      if (path.empty() || !exists(path)) {
        wrong_.push_back(fmt::format("the mask of {}, '{}', does not exist",
                                     row.image, path));
      }
      entry.masks.push_back((folder_ / path).string());
      if (std::find(entry.images.begin(), entry.images.end(),
                    entry.masks.back()) != entry.images.end()) {
        wrong_.push_back(path + " is an image and its own mask");
      }
    }
  }

  void read_labels(const ListRow& row, ManifestEntry& entry) {
    std::vector<std::string> values{row.target};
    if (options_.target == ManifestTarget::kLabels) {
      if (row.target.empty()) return;
      values = values_of(row.target);
    }
    for (const std::string& value : values) {
      const auto label = label_of(value);
      if (!label) {
        wrong_.push_back(fmt::format("the label of {} is '{}', {}", row.image,
                                     value, no_label()));
      } else if (std::find(entry.labels.begin(), entry.labels.end(), *label) !=
                 entry.labels.end()) {
        wrong_.push_back(
            fmt::format("{} has the label '{}' twice", row.image, value));
      } else {
        entry.labels.push_back(*label);
      }
    }
    std::sort(entry.labels.begin(), entry.labels.end());
  }

  std::optional<int64_t> label_of(const std::string& value) const {
    const auto& names = options_.names;
    const auto name = std::find(names.begin(), names.end(), value);
    if (name != names.end()) return name - names.begin();
    const auto label = parse_label(value);
    const bool known = label && *label >= 0 &&
                       (options_.classes == 0 || *label < options_.classes);
    return known ? label : std::nullopt;
  }

  /// Why a value is no label.
  std::string no_label() const {
    const std::string numbers =
        "a whole number " +
        (options_.classes > 0
             ? fmt::format("from 0 to {}", options_.classes - 1)
             : std::string("from 0 on"));
    if (options_.names.empty()) return "not " + numbers;
    return fmt::format("neither a class{} nor {}", in_brackets(options_.names),
                       numbers);
  }

  static std::string counted(size_t count, const char* what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
  }
  static std::string are(int64_t count) {
    return fmt::format("{} {}", count, count == 1 ? "is" : "are");
  }

  /// A path may hold the separator where one path is asked for.
  std::vector<std::string> paths_in(const std::string& field,
                                    int64_t count) const {
    if (count == 1 && exists(field)) return {field};
    return values_of(field);
  }

  bool exists(const std::string& path) const {
    std::error_code ignored;
    const auto status = fs::status(folder_ / path, ignored);
    return fs::is_regular_file(status) ||
           (options_.paths == ManifestPaths::kFilesAndFolders &&
            fs::is_directory(status));
  }

  /// Why a path cannot be used, and what it may be instead.
  std::string why_not(const std::string& path) const {
    std::error_code ignored;
    if (fs::is_directory(folder_ / path, ignored)) {
      return "is a folder, not a file";
    }
    if (fs::exists(folder_ / path, ignored)) {
      return "is a pipe, a socket or a device, not a file";
    }
    const size_t blank = path.find_last_of(kBlanks);
    if (blank != std::string::npos && exists(path.substr(0, blank))) {
      return fmt::format(
          "does not exist ('{}' does: a list of paths alone is "
          "expected here)",
          path.substr(0, blank));
    }
    if (path.find_first_of(",;") != std::string::npos) {
      return "does not exist (a CSV list begins with a header, separated by "
             "commas, that has a column 'image')";
    }
    return "does not exist";
  }

  fs::path folder_;
  const ManifestOptions& options_;
  ProblemList& problems_;
  std::vector<std::string> wrong_;  ///< with the row at hand
};

/// The images of an entry, whatever way their paths are written.
std::string images_text(const ManifestEntry& entry) {
  std::string text;
  for (const std::string& path : entry.images) {
    if (!text.empty()) text += kSeparator;
    text += fs::path(path).lexically_normal().string();
  }
  return text;
}

std::string target_text(const ManifestEntry& entry) {
  const std::string separator(1, kSeparator);
  return entry.masks.empty()
             ? fmt::format("{}", fmt::join(entry.labels, separator))
             : fmt::format("{}", fmt::join(entry.masks, separator));
}

/// Leaves out entries whose images an earlier one gives another target.
std::vector<ManifestEntry> without_contradictions(
    const std::string& list, const std::vector<ManifestEntry>& entries) {
  std::map<std::string, const ManifestEntry*> known;
  std::vector<ManifestEntry> kept;
  for (const ManifestEntry& entry : entries) {
    const std::string images = images_text(entry);
    const std::string target = target_text(entry);
    const auto [first, added] = known.emplace(images, &entry);
    if (added || target_text(*first->second) == target) {
      kept.push_back(entry);
      continue;
    }
    log_warning(fmt::format(
        "{}: line {} gives {} the target {}, line {} says {}; line {} is left "
        "out",
        list, entry.line, images, target, first->second->line,
        target_text(*first->second), entry.line));
  }
  return kept;
}

}  // namespace

std::vector<ManifestEntry> read_manifest(const std::string& list,
                                         const ManifestOptions& options) {
  std::ifstream file(list);
  if (!file || fs::is_directory(list)) {
    throw DataError(list, "cannot be read as a list; check the path");
  }
  std::string begin(512, '\n');
  file.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  if (begin.find('\0') != std::string::npos) {
    throw DataError(list,
                    "is no list but binary data; name a text file that "
                    "has one path a line");
  }
  file.clear();
  file.seekg(0);
  ProblemList problems;
  const fs::path folder = fs::path(list).parent_path();
  const std::vector<ListRow> rows =
      ListReader(folder, options, problems).read(file);
  Checker checker(folder, options, problems);
  std::vector<ManifestEntry> entries;
  for (const ListRow& row : rows) {
    if (auto entry = checker.check(row)) entries.push_back(std::move(*entry));
  }
  problems.throw_if_any(list,
                        "of its lines cannot be used (paths are relative to "
                        "the list's folder)");
  if (entries.empty()) {
    throw DataError(
        list, options.split.empty()
                  ? "the list names no file; write one path a line"
                  : "the list has no row of the split '" + options.split + "'");
  }
  return without_contradictions(list, entries);
}

std::vector<std::string> paths_of(const std::vector<ManifestEntry>& entries) {
  std::vector<std::string> paths;
  paths.reserve(entries.size());
  for (const ManifestEntry& entry : entries) {
    paths.push_back(entry.images.front());
  }
  return paths;
}

}  // namespace unimiss::data
