#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace unimiss::data {

/// What the field after the path is.
enum class ManifestTarget { kNone, kLabel, kMask };
/// What a path may name: a file, or also a folder (a DICOM series).
enum class ManifestPaths { kFiles, kFilesAndFolders };

struct ManifestOptions {
  ManifestTarget target = ManifestTarget::kNone;
  ManifestPaths paths = ManifestPaths::kFiles;
  int64_t classes = 0;  ///< labels must be below it; 0: no upper bound
  std::string split;    ///< keep only these rows of a CSV list; empty: all
};

struct ManifestEntry {
  int64_t line = 0;     ///< in the list, from 1
  std::string path;     ///< of the image or volume
  int64_t label = -1;   ///< with ManifestTarget::kLabel
  std::string mask;     ///< with ManifestTarget::kMask
  std::string patient;  ///< of a CSV list, else empty
  std::string split;    ///< of a CSV list, else empty
};

/// The entries of a list, in its order. Two forms, told apart by the first
/// line:
///
/// - plain: one `path` a line, or `path target` where a target is asked for,
///   split at the last blank, so that spaces within the path are kept;
/// - CSV (fields in quotes where needed, one record a line) with a header that
///   has a column `image`, and `label` (the class or the mask's path) where a
///   target is asked for; `patient` and `split` are optional, other columns are
///   ignored.
///
/// Paths are relative to the list's own folder, or absolute. Blank lines, lines
/// that begin with #, a byte-order mark and Windows line ends are skipped.
///
/// A path that an earlier line gives another target is left out with a warning
/// that names both lines. All other problems are collected and thrown as one
/// DataError, each with its line: a missing file or mask, a label that is no
/// integer in [0, classes), a missing or surplus field. So is a list that
/// cannot be read or names nothing.
std::vector<ManifestEntry> read_manifest(const std::string& list,
                                         const ManifestOptions& options = {});

/// The paths alone.
std::vector<std::string> paths_of(const std::vector<ManifestEntry>& entries);

}  // namespace unimiss::data
