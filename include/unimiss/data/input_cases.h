#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "unimiss/augment/case.h"

/// The cases of a folder or list that are to be predicted or compared.
namespace unimiss::data {

/// Whether a name ends as those of lists, .txt or .csv, in any case.
bool is_list_name(const std::string& name);

struct InputOptions {
  int rank = 3;            ///< 3: volumes, 2: images
  int64_t modalities = 1;  ///< files of a case
};

/// What a path names, with ids as name_cases() gives them, by id:
///
/// - a list (.txt, .csv) of read_cases(), whose labels are not read;
/// - an image or volume: one case of one modality;
/// - a folder of them. Of several modalities each case has the files
///   `ID_0000.*`, `ID_0001.*`, ... (nnU-Net's names). Volumes may be DICOM
///   series, each in a folder of its own; a folder that itself holds the files
///   of a series is one case.
///
/// Hidden files and what is no image or volume by its name are left out with a
/// warning. Throws DataError for a path that does not exist, is no input by its
/// name or holds none, for cases that lack modalities, and as read_cases().
std::vector<augment::Case> input_cases(const std::string& input,
                                       const InputOptions& options);

/// The images or volumes of a folder by their names without the ending, as
/// file_name()s. What is neither is left out with a warning, but not what
/// `beside` names. Throws DataError for a folder that cannot be read and for
/// two files of one name.
std::map<std::string, std::string> files_by_name(
    const std::string& folder, int rank,
    const std::set<std::string>& beside = {});

}  // namespace unimiss::data
