#pragma once

#include <string>
#include <vector>

#include "unimiss/augment/case.h"

/// The cases of a data set in nnU-Net's folders.
namespace unimiss::data {

struct NnunetDataset {
  std::vector<std::string> channels;          ///< of the images, in their order
  std::vector<std::string> classes;           ///< by label; 0 is the background
  std::vector<augment::Case> training, test;  ///< by id; test may be empty
};

/// Reads a folder of nnU-Net v2 (documentation/dataset_format.md), or of its
/// first version:
///
///     dataset.json               channels, labels, ending of the files
///     imagesTr/liver_1_0000.nii.gz   a file for each channel of case liver_1
///     labelsTr/liver_1.nii.gz        its label map
///     imagesTs/, labelsTs/           the same; both folders are optional
///
/// `channel_names` (or `modality`) is {"0": "CT"}; `labels` is
/// {"background": 0, "liver": 1}, or {"0": "background", "1": "liver"}, with
/// every number from 0 on once; `file_ending` is .nii.gz where it is not given.
/// Cases of the test have no masks where there is no folder labelsTs.
///
/// Hidden files, folders and files of another ending are left out with a
/// warning. What else is wrong is collected and thrown as one DataError, each
/// with its file: a dataset.json that cannot be used (regions and an `ignore`
/// label are not supported), missing or surplus images or label maps, another
/// number of cases than `numTraining`.
NnunetDataset read_nnunet_dataset(const std::string& folder);

}  // namespace unimiss::data
