#include "unimiss/data/case_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

#include "data/problem_list.h"
#include "unimiss/core/json_file.h"
#include "unimiss/core/log.h"
#include "unimiss/core/random.h"
#include "unimiss/io/formats.h"

namespace unimiss::data {
namespace {

namespace fs = std::filesystem;

ManifestTarget manifest_target(const CaseListOptions& options) {
  if (options.references == References::kIgnored) {
    return ManifestTarget::kUnread;
  }
  if (options.target.is_segmentation()) return ManifestTarget::kMask;
  return options.target.is_exclusive() ? ManifestTarget::kLabel
                                       : ManifestTarget::kLabels;
}

ManifestOptions manifest_options(const CaseListOptions& options) {
  const auto classes = static_cast<int64_t>(options.classes.size());
  ManifestOptions list{.target = manifest_target(options),
                       .paths = options.paths,
                       .images = options.modalities,
                       .split = options.split};
  const bool segmentation = options.target.is_segmentation();
  if (segmentation && options.target.is_exclusive()) return list;
  list.names = options.classes;
  list.classes = classes;
  if (segmentation) list.masks = classes;
  return list;
}

/// The file, whatever way its path is written.
fs::path normal_path(const std::string& path) {
  fs::path normal = fs::absolute(path).lexically_normal();
  // "series/" ends with an empty name.
  return normal.has_filename() ? normal : normal.parent_path();
}

std::vector<fs::path> normal_paths(const std::vector<std::string>& paths) {
  std::vector<fs::path> normal;
  normal.reserve(paths.size());
  for (const std::string& path : paths) normal.push_back(normal_path(path));
  return normal;
}

/// How a file becomes an id: its name, and as many of the folders above it as
/// tell it from other files.
struct Name {
  std::string stem;
  int64_t folders = 0;
  std::string id;
};

using Names = std::map<fs::path, Name>;

std::string id_of(const fs::path& path, const Name& name) {
  std::string id = name.stem;
  fs::path folder = path.parent_path();
  for (int64_t i = 0; i < name.folders; ++i, folder = folder.parent_path()) {
    id.insert(0, folder.filename().string() + "_");
  }
  return file_name(id);
}

int64_t folders_above(const fs::path& path) {
  const fs::path folder = path.parent_path().relative_path();
  return std::distance(folder.begin(), folder.end());
}

void drop_modality_suffix(Names& names) {
  constexpr std::string_view kSuffix = "_0000";
  const bool all =
      std::all_of(names.begin(), names.end(), [&](const auto& item) {
        const std::string& stem = item.second.stem;
        return stem.size() > kSuffix.size() && stem.ends_with(kSuffix);
      });
  if (!all) return;
  for (auto& [path, name] : names) {
    name.stem.resize(name.stem.size() - kSuffix.size());
  }
}

/// Puts folders in front of ids until none is that of two files.
void make_unique(Names& names) {
  for (auto& [path, name] : names) name.id = id_of(path, name);
  for (bool again = true; std::exchange(again, false);) {
    std::map<std::string, std::vector<Names::iterator>> by_id;
    for (auto item = names.begin(); item != names.end(); ++item) {
      by_id[item->second.id].push_back(item);
    }
    for (const auto& [id, files] : by_id) {
      if (files.size() == 1) continue;
      again = true;
      for (const auto& file : files) {
        Name& name = file->second;
        // Different paths may be the same to the last folder, once all that
        // is no letter is an underscore.
        name.id =
            name.folders < folders_above(file->first)
                ? (++name.folders, id_of(file->first, name))
                : fmt::format("{}_{:016x}", id, fnv1a64(file->first.string()));
      }
    }
  }
}

/// Leaves out rows that name a case again. Throws where two cases share the
/// first image, which ids are made of, and differ in others.
std::vector<ManifestEntry> without_repeats(
    const std::string& list, const std::vector<ManifestEntry>& entries) {
  ProblemList problems;
  std::map<fs::path, const ManifestEntry*> known;
  std::vector<ManifestEntry> kept;
  for (const ManifestEntry& entry : entries) {
    const auto images = normal_paths(entry.images);
    const auto [item, added] = known.emplace(images.front(), &entry);
    const ManifestEntry& first = *item->second;
    if (added) {
      kept.push_back(entry);
    } else if (normal_paths(first.images) == images) {
      log_warning(fmt::format(
          "{}: line {} names the case of line {} again; it is left out", list,
          entry.line, first.line));
    } else {
      problems.add(fmt::format("line {}", entry.line),
                   fmt::format("{} is also the first image of line {}, with "
                               "other images beside it",
                               entry.images.front(), first.line));
    }
  }
  problems.throw_if_any(list, "of its lines cannot be used");
  return kept;
}

}  // namespace

std::string file_name(std::string name) {
  constexpr size_t kLongest = 160;  // of the 255 that file systems allow
  const auto keep = [](unsigned char c) {
    return c >= 0x80 || std::isalnum(c) != 0 ||
           std::string_view("._-+").find(static_cast<char>(c)) !=
               std::string_view::npos;
  };
  const std::string original = name;
  std::replace_if(
      name.begin(), name.end(), [&](char c) { return !keep(c); }, '_');
  if (name.starts_with('.') || name.starts_with('-')) name[0] = '_';
  if (name.size() > kLongest) {
    name = fmt::format("{}_{:016x}", name.substr(name.size() - kLongest),
                       fnv1a64(original));
  }
  if (!is_utf8(name)) {
    std::replace_if(
        name.begin(), name.end(), [](unsigned char c) { return c >= 0x80; },
        '_');
  }
  return name;
}

void CaseListOptions::check(Problems& problems) const {
  const auto count = static_cast<double>(classes.size());
  const auto has = [&](const Range& range, const std::string& why) {
    problems.require(range.contains(count), "classes",
                     fmt::format("their number must be {} (is {}; {})",
                                 range.text(), classes.size(), why));
  };
  if (target.is_segmentation() && target.is_exclusive()) {
    has(at_least(2), "the background comes first");
  } else if (target.is_segmentation()) {
    has(between(1, static_cast<double>(augment::kMaxStructures)),
        "more cannot be told apart");
  } else if (target.is_exclusive() && !classes.empty()) {
    has(at_least(2), "one of them is to be told");
  }
  problems.distinct(classes, "classes");
  for (size_t i = 0; i < classes.size(); ++i) {
    const std::string& name = classes[i];
    problems.require(
        !name.empty() && name.find_first_of("|\n") == std::string::npos &&
            name.find_first_not_of(' ') == 0 && !name.ends_with(' '),
        item_key("classes", i),
        fmt::format("'{}' cannot be in a list (it is empty, or has blanks "
                    "around it or a '|' in it); choose another name",
                    name));
  }
  problems.in_range(modalities, at_least(1), "modalities");
}

std::vector<augment::Case> read_cases(const std::string& list,
                                      const CaseListOptions& options) {
  validate(options);
  const auto entries =
      without_repeats(list, read_manifest(list, manifest_options(options)));
  std::vector<augment::Case> cases;
  cases.reserve(entries.size());
  for (const ManifestEntry& entry : entries) {
    cases.push_back(
        {"", entry.images, entry.masks, entry.labels, entry.patient});
  }
  name_cases({&cases});
  return cases;
}

void name_cases(const std::vector<std::vector<augment::Case>*>& sets) {
  Names names;
  for (const std::vector<augment::Case>* set : sets) {
    for (const augment::Case& each : *set) {
      const fs::path path = normal_path(each.images.at(0));
      names[path].stem = io::without_ending(path.filename().string());
    }
  }
  drop_modality_suffix(names);
  make_unique(names);
  for (std::vector<augment::Case>* set : sets) {
    for (augment::Case& each : *set) {
      each.id = names.at(normal_path(each.images[0])).id;
    }
  }
}

}  // namespace unimiss::data
