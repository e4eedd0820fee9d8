#include "predict/class_volumes.h"

#include <ATen/Functions.h>

#include "unimiss/io/durable_file.h"
#include "unimiss/io/image.h"
#include "unimiss/io/volume_writer.h"

namespace unimiss::predict {
std::vector<std::string> class_volume_files(const task::TaskSpec& spec,
                                            const augment::Case& of) {
  std::vector<std::string> files;
  for (const std::string& name : task::structure_folders(spec.classes)) {
    files.push_back(name + task::prediction_ending(spec, of));
  }
  return files;
}

ClassVolumes::ClassVolumes(const std::string& folder, int64_t classes)
    : folder_(folder) {
  for (int64_t k = 0; k < classes; ++k) {
    files_.push_back(temporary_file(folder));
  }
}

void ClassVolumes::add(const torch::Tensor& probabilities) {
  TORCH_CHECK(probabilities.size(0) == static_cast<int64_t>(files_.size()),
              probabilities.size(0), " classes for ", files_.size(), " files");
  for (size_t k = 0; k < files_.size(); ++k) {
    const torch::Tensor slice =
        probabilities[static_cast<int64_t>(k)].contiguous();
    if (std::fwrite(slice.const_data_ptr<float>(), sizeof(float), slice.numel(),
                    files_[k].get()) != static_cast<size_t>(slice.numel())) {
      throw_full(folder_);
    }
  }
}

std::vector<std::string> ClassVolumes::write(const task::TaskSpec& spec,
                                             const augment::Case& of,
                                             const io::Volume& grid) {
  std::vector<std::string> files = class_volume_files(spec, of);
  io::Volume volume = grid;
  volume.voxels = at::empty(grid.voxels.sizes(), torch::kFloat);
  for (size_t k = 0; k < files.size(); ++k) {
    files[k].insert(0, folder_ + "/");
    std::FILE* file = files_[k].get();
    const auto count = static_cast<size_t>(volume.voxels.numel());
    std::rewind(file);
    if (std::fread(volume.voxels.data_ptr<float>(), sizeof(float), count,
                   file) != count) {
      throw_full(folder_);
    }
    if (spec.rank() == 3) {
      io::write_volume(files[k], volume, io::VoxelType::kFloat32);
    } else {
      constexpr double kMost = 65535;
      io::write_durably(
          files[k], io::encode_png(
                        volume.voxels[0].mul(kMost).round().to(torch::kInt32)));
    }
  }
  return files;
}

}  // namespace unimiss::predict
