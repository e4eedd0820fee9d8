#include "unimiss/task/prediction_files.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "unimiss/data/case_list.h"
#include "unimiss/io/durable_file.h"
#include "unimiss/io/formats.h"
#include "unimiss/io/image.h"
#include "unimiss/io/volume_writer.h"

namespace unimiss::task {
namespace {

namespace fs = std::filesystem;

/// Values [D, H, W], whole numbers from 0 on.
void write_map(const std::string& path, const TaskSpec& spec,
               const torch::Tensor& values, const io::Volume& grid) {
  std::error_code ignored;  // writing tells what is wrong
  fs::create_directories(fs::path(path).parent_path(), ignored);
  const int64_t least = values.min().item<int64_t>();
  const int64_t most = values.max().item<int64_t>();
  const bool bytes = least >= 0 && most <= 255;
  if (spec.rank() == 2) {
    io::write_durably(path, io::encode_png(values.squeeze(0).to(
                                bytes ? torch::kUInt8 : torch::kInt32)));
    return;
  }
  io::Volume volume = grid;
  volume.voxels = values;
  io::write_volume(path, volume,
                   bytes                              ? io::VoxelType::kUInt8
                   : least >= -32768 && most <= 32767 ? io::VoxelType::kInt16
                                                      : io::VoxelType::kInt32);
}

}  // namespace

std::string prediction_ending(const TaskSpec& spec, const augment::Case& of) {
  if (spec.rank() == 2) return ".png";
  const io::FileFormat* image =
      io::find_format(of.images.at(0), io::LetterCase::kExact);
  const bool is_volume =
      image != nullptr && image->rank == 3 && !image->maps.empty();
  return is_volume ? std::string(image->maps) : ".nii.gz";
}

std::vector<std::string> structure_folders(
    const std::vector<std::string>& structures) {
  std::vector<std::string> folders;
  // What lies beside them.
  std::set<std::string> taken{"cases", "overlays", "probabilities"};
  for (const std::string& structure : structures) {
    std::string name = data::file_name(structure);
    while (!taken.insert(name).second) {
      name += "_" + std::to_string(folders.size());
    }
    folders.push_back(name);
  }
  return folders;
}

std::vector<std::string> prediction_files(const TaskSpec& spec,
                                          const augment::Case& of) {
  if (!spec.target.is_segmentation()) return {};
  const std::string name = of.id + prediction_ending(spec, of);
  if (spec.target.is_exclusive()) return {name};
  std::vector<std::string> files = structure_folders(spec.classes);
  for (std::string& file : files) file.append("/").append(name);
  return files;
}

std::vector<std::string> write_prediction(const std::string& folder,
                                          const TaskSpec& spec,
                                          const augment::Case& of,
                                          const torch::Tensor& map,
                                          const io::Volume& grid) {
  std::vector<std::string> files = prediction_files(spec, of);
  if (files.empty()) return files;
  for (std::string& file : files) file.insert(0, folder + "/");
  if (!spec.target.is_exclusive()) {
    const int64_t inside = spec.rank() == 2 ? 255 : 1;
    for (size_t k = 0; k < files.size(); ++k) {
      const torch::Tensor mask = spec.mask_of(static_cast<int64_t>(k), map);
      write_map(files[k], spec, mask.to(torch::kShort).mul(inside), grid);
    }
    return files;
  }
  // As the references are stored.
  const torch::Tensor values =
      spec.label_values.empty()
          ? map
          : at::tensor(spec.label_values, torch::kLong)
                .to(torch::kInt32)
                .index_select(0, map.flatten().to(torch::kInt32))
                .view(map.sizes());
  write_map(files.front(), spec, values, grid);
  return files;
}

}  // namespace unimiss::task
