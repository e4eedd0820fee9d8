#include "unimiss/data/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "unimiss/core/error.h"
#include "unimiss/core/log.h"
#include "unimiss/core/text.h"

namespace unimiss::data {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr size_t kShownProblems = 20;

/// Collects what is wrong with a list, to be told at once.
class ListProblems {
 public:
  void add(int64_t line, const std::string& what) {
    if (++count_ <= kShownProblems) {
      text_ += fmt::format("\n  line {}: {}", line, what);
    }
  }
  void throw_if_any(const std::string& list) const {
    if (count_ == 0) return;
    std::string more;
    if (count_ > kShownProblems) {
      more = fmt::format("\n  and {} more", count_ - kShownProblems);
    }
    throw DataError(list,
                    fmt::format("{} of its lines cannot be used (paths are "
                                "relative to the list's folder); correct:{}{}",
                                count_, text_, more));
  }

 private:
  size_t count_ = 0;
  std::string text_;
};

/// The fields of a CSV line; nothing where a quote is not closed.
std::optional<std::vector<std::string>> csv_fields(std::string_view line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quoted && c == '"' && i + 1 < line.size() && line[i + 1] == '"') {
      fields.back() += line[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  if (quoted) return std::nullopt;
  for (std::string& field : fields) field = std::string(trimmed(field));
  return fields;
}

/// One line before it is checked.
struct Row {
  int64_t line = 0;
  std::string image, target, patient, split;
};

/// Reads the rows of one list, whichever form it has.
class Reader {
 public:
  Reader(fs::path folder, const ManifestOptions& options,
         ListProblems& problems)
      : folder_(std::move(folder)), options_(options), problems_(problems) {}

  std::vector<Row> read(std::istream& list) {
    std::vector<Row> rows;
    std::string text;
    bool first = true;
    for (int64_t number = 1; std::getline(list, text); ++number) {
      std::string_view line = text;
      if (number == 1 && line.starts_with(kByteOrderMark)) {
        line.remove_prefix(kByteOrderMark.size());
      }
      line = trimmed(line);
      if (line.empty() || line.starts_with('#')) continue;
      if (std::exchange(first, false) && is_header(number, line)) continue;
      std::optional<Row> row =
          columns_.empty() ? plain_row(number, line) : csv_row(number, line);
      if (row) rows.push_back(std::move(*row));
    }
    return rows;
  }

 private:
  bool expects_target() const {
    return options_.target != ManifestTarget::kNone;
  }

  bool is_header(int64_t number, std::string_view line) {
    const auto fields = csv_fields(line);
    if (!fields ||
        std::find(fields->begin(), fields->end(), "image") == fields->end()) {
      return false;
    }
    // A plain list may begin with a file or folder of that name.
    if (fields->size() == 1 && fs::exists(folder_ / "image")) return false;
    columns_ = *fields;
    for (const char* column : {"label", "split"}) {
      const bool needed = std::string_view(column) == "label"
                              ? expects_target()
                              : !options_.split.empty();
      if (needed && std::find(columns_.begin(), columns_.end(), column) ==
                        columns_.end()) {
        problems_.add(number,
                      fmt::format("the header has no column '{}'", column));
      }
    }
    return true;
  }

  std::optional<Row> plain_row(int64_t number, std::string_view line) {
    Row row{number, std::string(line), {}, {}, {}};
    if (!expects_target()) return row;
    const size_t blank = line.find_last_of(kBlanks);
    if (blank == std::string_view::npos) {
      problems_.add(
          number,
          fmt::format(
              "'{}' has no {}", line,
              options_.target == ManifestTarget::kLabel ? "label" : "mask"));
      return std::nullopt;
    }
    row.image = std::string(trimmed(line.substr(0, blank)));
    row.target = std::string(line.substr(blank + 1));
    return row;
  }

  std::optional<Row> csv_row(int64_t number, std::string_view line) {
    const auto fields = csv_fields(line);
    if (!fields || fields->size() != columns_.size()) {
      problems_.add(number, fields
                                ? fmt::format("{} fields, the header has {}",
                                              fields->size(), columns_.size())
                                : "a quote is not closed");
      return std::nullopt;
    }
    Row row;
    row.line = number;
    for (size_t i = 0; i < columns_.size(); ++i) {
      const std::string& value = (*fields)[i];
      if (columns_[i] == "image") row.image = value;
      if (columns_[i] == "label") row.target = value;
      if (columns_[i] == "patient") row.patient = value;
      if (columns_[i] == "split") row.split = value;
    }
    if (!options_.split.empty() && row.split != options_.split) {
      return std::nullopt;
    }
    return row;
  }

  const fs::path folder_;
  const ManifestOptions& options_;
  ListProblems& problems_;
  std::vector<std::string> columns_;
};

std::optional<int64_t> parse_label(const std::string& text) {
  int64_t label = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), label);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(label) : std::nullopt;
}

/// Makes an entry of a row, or says what is wrong with it.
class Checker {
 public:
  Checker(fs::path folder, const ManifestOptions& options,
          ListProblems& problems)
      : folder_(std::move(folder)), options_(options), problems_(problems) {}

  std::optional<ManifestEntry> check(const Row& row) {
    ManifestEntry entry{row.line,    (folder_ / row.image).string(),
                        -1,          {},
                        row.patient, row.split};
    if (row.image.empty()) {
      problems_.add(row.line, "no path");
      return std::nullopt;
    }
    if (!exists(row.image)) {
      problems_.add(row.line, row.image + " " + why_not(row.image));
      return std::nullopt;
    }
    if (options_.target == ManifestTarget::kLabel) {
      const auto label = parse_label(row.target);
      if (!label || *label < 0 ||
          (options_.classes > 0 && *label >= options_.classes)) {
        problems_.add(
            row.line,
            fmt::format("the label of {} is '{}', not a whole number "
                        "{}",
                        row.image, row.target,
                        options_.classes > 0
                            ? fmt::format("from 0 to {}", options_.classes - 1)
                            : "from 0 on"));
        return std::nullopt;
      }
      entry.label = *label;
    } else if (options_.target == ManifestTarget::kMask) {
      if (row.target.empty() || !exists(row.target)) {
        problems_.add(row.line, fmt::format("the mask of {}, '{}', does not "
                                            "exist",
                                            row.image, row.target));
        return std::nullopt;
      }
      entry.mask = (folder_ / row.target).string();
    }
    return entry;
  }

 private:
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
  ListProblems& problems_;
};

/// Leaves out entries whose path an earlier one gives another target.
std::vector<ManifestEntry> without_contradictions(
    const std::string& list, const std::vector<ManifestEntry>& entries) {
  std::map<std::string, const ManifestEntry*> known;
  std::vector<ManifestEntry> kept;
  auto target = [](const ManifestEntry& entry) {
    return entry.mask.empty() ? std::to_string(entry.label) : entry.mask;
  };
  for (const ManifestEntry& entry : entries) {
    const auto [first, added] =
        known.emplace(fs::path(entry.path).lexically_normal().string(), &entry);
    if (added || target(*first->second) == target(entry)) {
      kept.push_back(entry);
      continue;
    }
    log_warning(fmt::format(
        "{}: line {} gives {} the target {}, line {} says {}; line {} is left "
        "out",
        list, entry.line, entry.path, target(entry), first->second->line,
        target(*first->second), entry.line));
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
  ListProblems problems;
  const fs::path folder = fs::path(list).parent_path();
  const std::vector<Row> rows = Reader(folder, options, problems).read(file);
  Checker checker(folder, options, problems);
  std::vector<ManifestEntry> entries;
  for (const Row& row : rows) {
    if (auto entry = checker.check(row)) entries.push_back(std::move(*entry));
  }
  problems.throw_if_any(list);
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
  for (const ManifestEntry& entry : entries) paths.push_back(entry.path);
  return paths;
}

}  // namespace unimiss::data
