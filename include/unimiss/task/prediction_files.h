#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "unimiss/augment/case.h"
#include "unimiss/io/volume.h"
#include "unimiss/task/task_spec.h"

/// The files that a predicted segmentation is kept in.
namespace unimiss::task {

/// How the name of a case's prediction ends: as that of its first image, where
/// that is a format that is written (.mhd becomes .mha, .nhdr .nrrd, a DICOM
/// series .nii.gz); of images .png.
std::string prediction_ending(const TaskSpec& spec, const augment::Case& of);

/// The folders of structures, one for each; their names, made safe and unique.
std::vector<std::string> structure_folders(
    const std::vector<std::string>& structures);

/// The files of a case below a folder: `ID.nii.gz`, or, as structures may
/// overlap, `STRUCTURE/ID.nii.gz` for each of them; of a classification none.
std::vector<std::string> prediction_files(const TaskSpec& spec,
                                          const augment::Case& of);

/// Writes them, each whole or not at all, on the grid of the file that the case
/// was read from; of structures 0 and 1, in images 0 and 255.
/// - map: int16 [D, H, W], as Prediction::map.
/// - grid: that of the case's first image, whose voxels are of no account.
/// Returns their paths. Throws DataError where one cannot be written.
std::vector<std::string> write_prediction(const std::string& folder,
                                          const TaskSpec& spec,
                                          const augment::Case& of,
                                          const torch::Tensor& map,
                                          const io::Volume& grid);

}  // namespace unimiss::task
