#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "unimiss/augment/case.h"
#include "unimiss/core/problems.h"
#include "unimiss/data/manifest.h"

/// The cases that a list names.
namespace unimiss::data {

/// Whether the references (masks or labels) of a list's cases are read.
/// kIgnored: of cases that are to be predicted, whether they have one or not.
enum class References { kRequired, kIgnored };

struct CaseListOptions {
  augment::Target target{};
  /// In the order of their numbers. Of a label map: the background first. Of
  /// structures: in the order of the masks. Empty in classification: the labels
  /// are numbers without an upper bound.
  std::vector<std::string> classes{};
  int64_t modalities = 1;  ///< images of a case
  ManifestPaths paths = ManifestPaths::kFiles;
  std::string split{};  ///< keep only these rows of a CSV list; empty: all
  References references = References::kRequired;

  /// Keys: `classes`, `modalities`.
  void check(Problems& problems) const;
};

/// The cases of a list of read_manifest(), in its order, with the ids of
/// name_cases(). A row has the images of a case (one a modality) and its label:
///
/// - of a label map its path;
/// - of structures the paths of the masks, one for each, in their order;
/// - the class, or the classes, of which an empty field says that there is
/// none.
///
///     image,label,patient
///     a_t1.nii.gz|a_t2.nii.gz,a_tumour.nii.gz|a_oedema.nii.gz,p1
///
/// A row that names the images of an earlier one is left out with a warning:
/// a case counts once. Throws ConfigError for options that cannot be, else as
/// read_manifest() does; also for two cases that share their first image only.
std::vector<augment::Case> read_cases(const std::string& list,
                                      const CaseListOptions& options);

/// Gives the cases of several sets (training, test, ...) ids that are unique
/// over all of them and can be file names: the name of the first image, without
/// its ending (scan1.nii.gz: scan1) and, where all images have it, without the
/// suffix _0000 of a modality. Where files of several folders would get the
/// same id, the folders' names go in front (siteA_scan1). The same file always
/// gets the same id; the order of the cases does not matter.
///
/// What is neither a letter, a digit nor one of . _ - + becomes an underscore.
void name_cases(const std::vector<std::vector<augment::Case>*>& sets);

/// A name that is safe in any folder, on a command line and in JSON: what is
/// neither a letter, a digit nor one of . _ - + becomes an underscore.
std::string file_name(std::string name);
/// "Scan1.NII.GZ": "Scan1". Other dots stay: they may be a part of the name.
std::string without_ending(std::string name);

}  // namespace unimiss::data
