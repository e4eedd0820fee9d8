#pragma once

#include <ATen/Functions.h>

#include <filesystem>
#include <string>

#include "testing/temporary_directory.h"
#include "testing/toy_task.h"
#include "unimiss/io/image.h"
#include "unimiss/io/tensor_archive.h"
#include "unimiss/task/saved_network.h"

namespace unimiss::predict {

/// A network of toy_spec() with the weights of a seed, as a fine-tuning exports
/// it; its file.
inline std::string save_toy(const testing::TemporaryDirectory& folder,
                            const std::string& target, uint64_t seed) {
  const task::TaskSpec spec =
      testing::toy_spec(augment::Target::of_name(target).value());
  const std::string config =
      "task: {target: " + target +
      "}\nmodel: {dimensions: 2d, image_size: 64, image_channels: 1, "
      "stem_width: 4, encoder_depths: [1, 1, 1, 1], decoder_depths: [1, 1, 1], "
      "widths: [8, 8, 16, 16], encoder_heads: [1, 2, 2, 2], "
      "decoder_heads: [2, 2, 1], mlp_ratio: 2}\n";
  const auto facts = task::network_facts(config, spec.classes);
  std::string file =
      folder.file(target + std::to_string(seed) + ".safetensors");
  io::save_tensors(file, testing::toy_task(spec, {}, seed)->official_weights(),
                   {facts.begin(), facts.end()});
  return file;
}

/// Grey images of 70 x 80 pixels, one of them named.
inline std::string write_image(const testing::TemporaryDirectory& folder,
                               const std::string& name) {
  std::filesystem::create_directories(
      std::filesystem::path(folder.file(name)).parent_path());
  io::write_png(folder.file(name), at::randint(256, {70, 80}, torch::kByte));
  return folder.file(name);
}

}  // namespace unimiss::predict
