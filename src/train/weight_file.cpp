#include "unimiss/train/weight_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <sstream>

#include "unimiss/core/error.h"
#include "unimiss/io/tensor_archive.h"

namespace unimiss::train {
namespace {

// What a file of weights tells of the network's input.
constexpr const char* kImageSize = "image_size";
constexpr const char* kVolumeSize = "volume_size";

}  // namespace

void save_weights(const std::string& file,
                  const std::map<std::string, torch::Tensor>& tensors,
                  const std::map<std::string, std::string>& facts) {
  io::Metadata metadata(facts.begin(), facts.end());
  metadata["format"] = "unimiss weights 1";
  std::error_code ignored;  // writing tells what is wrong
  std::filesystem::create_directories(std::filesystem::path(file).parent_path(),
                                      ignored);
  io::save_tensors(file, tensors, metadata);
}

std::map<std::string, std::string> size_facts(const model::MitOptions& model) {
  return {{kImageSize, std::to_string(model.image_size)},
          {kVolumeSize, fmt::format("{}", fmt::join(model.volume_size, " "))}};
}

model::PretrainedSizes pretrained_sizes(const std::string& file) {
  const io::Metadata metadata = io::load_metadata(file);
  model::PretrainedSizes sizes;
  const auto read = [&](const char* name, auto... extents) {
    const auto found = metadata.find(name);
    if (found == metadata.end()) return;
    std::istringstream text(found->second);
    if (!((text >> *extents) && ...)) {
      throw DataError(file, fmt::format("tells '{}' as {}, which is no size",
                                        found->second, name));
    }
  };
  read(kImageSize, &sizes.image_size);
  auto& volume = sizes.volume_size;
  read(kVolumeSize, &volume[0], &volume[1], &volume[2]);
  return sizes;
}

}  // namespace unimiss::train
