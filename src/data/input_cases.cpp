#include "unimiss/data/input_cases.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <utility>

#include "data/nnunet_names.h"
#include "data/problem_list.h"
#include "unimiss/core/error.h"
#include "unimiss/data/case_list.h"
#include "unimiss/io/durable_file.h"
#include "unimiss/io/formats.h"
#include "unimiss/io/volume.h"

namespace unimiss::data {
namespace {

namespace fs = std::filesystem;

/// By its name; a folder, by what it holds.
bool is_input(const fs::path& path, int rank) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    return rank == 3 && io::is_dicom_series(path.string());
  }
  return io::is_read_as(path.filename().string(), rank);
}

/// In the order of their names.
std::vector<fs::path> inputs_of(const std::string& folder, int rank,
                                const std::set<std::string>& beside = {}) {
  std::vector<fs::path> inputs;
  std::set<std::string> others;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (beside.contains(name)) continue;
    // A process that was ended may have left a file half-written.
    if (!name.starts_with('.') && !io::is_unfinished(name) &&
        is_input(entry->path(), rank)) {
      inputs.push_back(entry->path());
    } else {
      others.insert(name);
    }
  }
  if (error) {
    throw DataError(folder, "cannot be read (" + error.message() + ")");
  }
  std::sort(inputs.begin(), inputs.end());
  warn_unused(folder, others, rank == 2 ? "images" : "volumes");
  return inputs;
}

/// Files ID_0000, ID_0001, ... as cases of several modalities.
std::vector<augment::Case> grouped(const std::string& folder,
                                   const std::vector<fs::path>& inputs,
                                   int64_t modalities) {
  ProblemList problems;
  std::map<std::string, std::map<int64_t, std::string>> found;
  for (const fs::path& path : inputs) {
    const std::string name = path.filename().string();
    const auto split = split_channel(io::without_ending(name));
    if (!split || split->channel >= modalities) {
      problems.add(name, fmt::format("must end in a modality, _0000 to _{:04}",
                                     modalities - 1));
    } else if (!found[split->id]
                    .emplace(split->channel, path.string())
                    .second) {
      problems.add(name, "is there twice, in two formats");
    }
  }
  std::vector<augment::Case> cases;
  for (const auto& [id, files] : found) {
    augment::Case& added = cases.emplace_back();
    for (int64_t modality = 0; modality < modalities; ++modality) {
      const auto file = files.find(modality);
      if (file == files.end()) {
        problems.add(fmt::format("{}_{:04}.*", id, modality),
                     "does not exist, but another modality does");
      } else {
        added.images.push_back(file->second);
      }
    }
  }
  problems.throw_if_any(folder, "of its files cannot be used");
  return cases;
}

std::vector<augment::Case> cases_of_folder(const std::string& folder,
                                           const InputOptions& options) {
  const std::vector<fs::path> inputs = inputs_of(folder, options.rank);
  if (options.modalities > 1) {
    return grouped(folder, inputs, options.modalities);
  }
  std::vector<augment::Case> cases;
  for (const fs::path& path : inputs) {
    cases.emplace_back().images = {path.string()};
  }
  return cases;
}

/// A DICOM file that lies beside the folders of series would hide them.
void check_no_series_below(const std::string& folder) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (is_input(entry->path(), 3)) {
      throw DataError(folder,
                      "holds DICOM files and, as " +
                          entry->path().filename().string() +
                          ", a volume as well; name one of them, or move the "
                          "files to a folder of their own");
    }
  }
}

std::vector<augment::Case> listed_cases(const std::string& list,
                                        const InputOptions& options) {
  CaseListOptions read;
  read.classes = {"background", "foreground"};
  read.modalities = options.modalities;
  read.paths = options.rank == 2 ? ManifestPaths::kFiles
                                 : ManifestPaths::kFilesAndFolders;
  read.references = References::kIgnored;
  return read_cases(list, read);
}

}  // namespace

bool is_list_name(const std::string& name) {
  std::string lower = name;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return lower.ends_with(".txt") || lower.ends_with(".csv");
}

std::vector<augment::Case> input_cases(const std::string& input,
                                       const InputOptions& options) {
  std::error_code ignored;
  if (!fs::exists(input, ignored)) {
    throw DataError(input, "does not exist; name a file, a folder or a list");
  }
  if (!fs::is_directory(input, ignored) && is_list_name(input)) {
    return listed_cases(input, options);
  }
  std::vector<augment::Case> cases;
  if (is_input(input, options.rank)) {
    check_no_series_below(input);
    if (options.modalities > 1) {
      throw DataError(input,
                      fmt::format("is one file, but a case has {} modalities; "
                                  "name the folder of ID_0000.* and so on, or "
                                  "a list with '|' between them",
                                  options.modalities));
    }
    cases.emplace_back().images = {input};
  } else if (fs::is_directory(input, ignored)) {
    cases = cases_of_folder(input, options);
    if (cases.empty()) {
      throw DataError(
          input, options.rank == 2
                     ? fmt::format("holds no images ({})", io::endings_read(2))
                     : fmt::format("holds no volumes ({}, or folders of a "
                                   "DICOM series)",
                                   io::endings_read(3)));
    }
  } else {
    const std::string what =
        options.rank == 2 ? fmt::format("no image ({})", io::endings_read(2))
                          : "no volume";
    throw DataError(input, fmt::format("is {} by its name; convert it, or "
                                       "name a list (.txt, .csv)",
                                       what));
  }
  name_cases({&cases});
  return cases;
}

std::map<std::string, std::string> files_by_name(
    const std::string& folder, int rank, const std::set<std::string>& beside) {
  std::map<std::string, std::string> files;
  for (const fs::path& path : inputs_of(folder, rank, beside)) {
    const std::string file = path.string();
    const auto [known, added] = files.emplace(
        file_name(io::without_ending(path.filename().string())), file);
    if (!added) {
      throw DataError(file, "and " + known->second +
                                " are one case in two formats; take one of "
                                "them away");
    }
  }
  return files;
}

}  // namespace unimiss::data
