#include "unimiss/report/case_files.h"

#include "unimiss/data/input_cases.h"
#include "unimiss/task/prediction_files.h"

namespace unimiss::report {

std::vector<std::string> map_folders(const std::string& folder,
                                     augment::Target target,
                                     const std::vector<std::string>& classes) {
  if (target.is_exclusive()) return {folder};
  std::vector<std::string> folders = task::structure_folders(classes);
  for (std::string& name : folders) name.insert(0, folder + "/");
  return folders;
}

FilesOfCases files_of_cases(const std::string& folder, int rank,
                            augment::Target target,
                            const std::vector<std::string>& classes,
                            const std::set<std::string>& beside) {
  FilesOfCases files;
  const auto folders = map_folders(folder, target, classes);
  for (size_t i = 0; i < folders.size(); ++i) {
    for (const auto& [id, file] :
         data::files_by_name(folders[i], rank, beside)) {
      files[id].resize(folders.size());
      files[id][i] = file;
    }
  }
  return files;
}

}  // namespace unimiss::report
