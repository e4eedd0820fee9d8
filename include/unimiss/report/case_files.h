#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "unimiss/augment/case.h"

namespace unimiss::report {

/// The maps of cases by id: one, or a mask for each structure, where one that
/// is not there is empty.
using FilesOfCases = std::map<std::string, std::vector<std::string>>;

/// Where the maps of a task lie below a folder: in it, or, of structures, in a
/// folder for each.
std::vector<std::string> map_folders(const std::string& folder,
                                     augment::Target target,
                                     const std::vector<std::string>& classes);

/// All that lie there; `beside`: see data::files_by_name(), whose errors it
/// has.
FilesOfCases files_of_cases(const std::string& folder, int rank,
                            augment::Target target,
                            const std::vector<std::string>& classes,
                            const std::set<std::string>& beside = {});

}  // namespace unimiss::report
