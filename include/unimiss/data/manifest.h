#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace unimiss::data {

/// What the field after the path is. kLabels: any number of classes, none
/// where the field is empty. kUnread: there may be one, whatever it is,
/// and paths need not exist: whoever reads them finds out.
enum class ManifestTarget { kNone, kLabel, kMask, kLabels, kUnread };
/// What a path may name: a file, or also a folder (a DICOM series).
enum class ManifestPaths { kFiles, kFilesAndFolders };

struct ManifestOptions {
  ManifestTarget target = ManifestTarget::kNone;
  ManifestPaths paths = ManifestPaths::kFiles;
  int64_t images = 1;   ///< of an entry, each a modality
  int64_t masks = 1;    ///< of an entry, with ManifestTarget::kMask
  int64_t classes = 0;  ///< labels must be below it; 0: no upper bound
  /// Of the classes, which labels may be written by, or of the masks; empty:
  /// they have none.
  std::vector<std::string> names{};
  std::string split;  ///< keep only these rows of a CSV list; empty: all
};

struct ManifestEntry {
  int64_t line = 0;                 ///< in the list, from 1
  std::vector<std::string> images;  ///< the paths, ManifestOptions::images
  std::vector<int64_t> labels;      ///< kLabel: one; kLabels: ascending
  std::vector<std::string> masks;   ///< ManifestOptions::masks, with kMask
  std::string patient;              ///< of a CSV list, else empty
  std::string split;                ///< of a CSV list, else empty
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
/// Several images, masks or labels of one entry are separated by '|'. A label
/// is a class's name, or its number from 0; where a name looks like a number,
/// it is the name that counts.
///
/// Paths are relative to the list's own folder, or absolute. Blank lines, lines
/// that begin with #, a byte-order mark and Windows line ends are skipped.
///
/// A path that an earlier line gives another target is left out with a warning
/// that names both lines. All other problems are collected and thrown as one
/// DataError, each with its line: a missing file or mask, another number of
/// them than asked for, a label that is neither a name nor an integer in
/// [0, classes) or is given twice, a missing or surplus field. So is a list
/// that cannot be read or names nothing.
std::vector<ManifestEntry> read_manifest(const std::string& list,
                                         const ManifestOptions& options = {});

/// The first path of each entry.
std::vector<std::string> paths_of(const std::vector<ManifestEntry>& entries);

}  // namespace unimiss::data
