#include "unimiss/train/checkpoint.h"

#include <ATen/Dispatch.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "unimiss/core/crash_point.h"
#include "unimiss/core/error.h"
#include "unimiss/io/durable_file.h"
#include "unimiss/io/tensor_archive.h"

namespace unimiss::train {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStem = "step_";
constexpr const char* kTensors = ".safetensors";
constexpr const char* kSeal = ".json";
// What the metadata's names begin with.
constexpr std::string_view kCounter = "counter.";
constexpr std::string_view kText = "text.";
constexpr const char* kStep = "step";
constexpr const char* kFinite = "finite";
constexpr const char* kFormat = "format";
constexpr const char* kFormatName = "unimiss checkpoint 1";

std::string seal_of(const std::string& file) {
  return fs::path(file).replace_extension(kSeal).string();
}

/// Of tensors on the CPU. A plain loop: operators would wake the threads that
/// the training beside it needs.
bool all_finite(const std::map<std::string, torch::Tensor>& tensors) {
  return std::all_of(tensors.begin(), tensors.end(), [](const auto& item) {
    const torch::Tensor tensor = item.second.contiguous();
    if (!tensor.is_floating_point()) return true;
    bool finite = true;
    AT_DISPATCH_FLOATING_TYPES_AND2(
        torch::kHalf, torch::kBFloat16, tensor.scalar_type(), "all_finite",
        [&] {
          const scalar_t* values = tensor.const_data_ptr<scalar_t>();
          for (int64_t i = 0; i < tensor.numel(); ++i) {
            finite &= std::isfinite(static_cast<double>(values[i]));
          }
        });
    return finite;
  });
}

/// The second file, a pure function of the first one's digest and metadata: any
/// change of either is seen.
std::string seal_text(const std::string& file, const io::FileDigest& digest,
                      const io::Metadata& metadata) {
  nlohmann::ordered_json seal;
  seal["tensors"] = fs::path(file).filename().string();
  seal["bytes"] = digest.bytes;
  seal["crc32"] = fmt::format("{:08x}", digest.crc32);
  for (const auto& [name, value] : metadata) {
    // A configuration is long; the tensors' file has it.
    if (!name.starts_with(kText)) seal[name] = value;
  }
  return seal.dump(1) + "\n";
}

std::string read_text(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

int64_t number(const std::string& file, const std::string& text) {
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stopped != end) {
    throw DataError(file, "its metadata holds '" + text + "' for a number");
  }
  return value;
}

io::Metadata metadata_of(const Checkpoint& checkpoint, bool finite) {
  io::Metadata metadata{{kFormat, kFormatName},
                        {kStep, std::to_string(checkpoint.step)},
                        {kFinite, finite ? "true" : "false"}};
  for (const auto& [name, count] : checkpoint.counters) {
    metadata[std::string(kCounter) + name] = std::to_string(count);
  }
  for (const auto& [name, text] : checkpoint.texts) {
    metadata[std::string(kText) + name] = text;
  }
  return metadata;
}

Checkpoint from_metadata(const std::string& file,
                         const io::Metadata& metadata) {
  const auto format = metadata.find(kFormat);
  if (format == metadata.end() || format->second != kFormatName ||
      !metadata.contains(kStep)) {
    throw DataError(file,
                    "is no checkpoint of a run (its metadata lack the "
                    "format); name a file of a run's checkpoints/");
  }
  Checkpoint checkpoint;
  checkpoint.step = number(file, metadata.at(kStep));
  for (const auto& [name, value] : metadata) {
    if (name.starts_with(kCounter)) {
      checkpoint.counters[name.substr(kCounter.size())] = number(file, value);
    } else if (name.starts_with(kText)) {
      checkpoint.texts[name.substr(kText.size())] = value;
    }
  }
  return checkpoint;
}

bool seal_says_finite(const std::string& seal) {
  const auto json = nlohmann::json::parse(read_text(seal), nullptr,
                                          /*allow_exceptions=*/false);
  const auto finite = json.find(kFinite);
  return finite != json.end() && *finite == "true";
}

}  // namespace

int64_t checkpoint_bytes(const std::map<std::string, torch::Tensor>& tensors) {
  // A header entry takes some hundred bytes.
  int64_t bytes = int64_t{64} << 10;
  for (const auto& [name, tensor] : tensors) {
    bytes += static_cast<int64_t>(tensor.nbytes() + name.size() + 100);
  }
  return bytes;
}

void require_space(const std::string& folder, int64_t bytes) {
  std::error_code error;
  const auto space = fs::space(folder, error);
  if (error || space.available >= static_cast<uint64_t>(bytes)) return;
  throw DataError(
      folder, fmt::format("the disk has {} MiB free, {} MiB are needed; free "
                          "space, or lower run.keep_checkpoints",
                          space.available >> 20, (bytes >> 20) + 1));
}

std::string CheckpointFolder::file_of(int64_t step) const {
  return fmt::format("{}/{}{:08}{}", folder_, kStem, step, kTensors);
}

std::vector<int64_t> CheckpointFolder::steps_of(const char* ending) const {
  std::vector<int64_t> steps;
  std::error_code error;
  fs::directory_iterator entry(folder_, error);
  if (error == std::errc::no_such_file_or_directory) return steps;
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    // Exactly what file_of() names: other files are not ours.
    const size_t end = name.find('.');
    int64_t step = -1;
    if (!name.starts_with(kStem) || end == std::string::npos) continue;
    std::from_chars(name.data() + kStem.size(), name.data() + end, step);
    if (step >= 0 && name == fs::path(file_of(step))
                                 .replace_extension(ending)
                                 .filename()
                                 .string()) {
      steps.push_back(step);
    }
  }
  if (error) {
    throw DataError(folder_, "cannot be listed (" + error.message() +
                                 "); mend its rights or the disk");
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

std::vector<int64_t> CheckpointFolder::steps() const { return steps_of(kSeal); }

std::vector<int64_t> CheckpointFolder::incomplete() const {
  std::vector<int64_t> found = steps_of(kTensors);
  const std::vector<int64_t> sealed = steps();
  std::erase_if(found, [&](int64_t step) {
    return std::binary_search(sealed.begin(), sealed.end(), step);
  });
  return found;
}

void CheckpointFolder::save(const Checkpoint& checkpoint) const {
  require_space(folder_, checkpoint_bytes(checkpoint.tensors));
  const std::string file = file_of(checkpoint.step);
  const bool finite = all_finite(checkpoint.tensors);
  const io::Metadata metadata = metadata_of(checkpoint, finite);
  // A seal from before must not vouch for the new tensors.
  std::error_code ignored;
  fs::remove(seal_of(file), ignored);
  const io::FileDigest digest =
      io::save_tensors(file, checkpoint.tensors, metadata);
  crash_at(CrashPoint::kTensorsInPlace);
  io::write_durably(seal_of(file), seal_text(file, digest, metadata));
  crash_at(CrashPoint::kSealInPlace);
  remove_others(checkpoint.step);
}

void CheckpointFolder::remove_others(int64_t written) const {
  // Later ones, which could not be read when the run went on before them, are
  // as good as what it will write there.
  std::vector<int64_t> until = steps();
  std::erase_if(until, [&](int64_t step) { return step > written; });
  const auto finite = std::find_if(
      until.rbegin(), until.rend(),
      [&](int64_t step) { return seal_says_finite(seal_of(file_of(step))); });
  const int64_t newest_finite = finite == until.rend() ? -1 : *finite;
  const auto remove = [&](int64_t step) {
    // The seal first: a checkpoint must not lose its tensors before it.
    std::error_code ignored;
    fs::remove(seal_of(file_of(step)), ignored);
    crash_at(CrashPoint::kSealRemoved);
    fs::remove(file_of(step), ignored);
  };
  for (const int64_t step : incomplete()) {
    if (step < written) remove(step);
  }
  auto left = static_cast<int64_t>(until.size());
  for (const int64_t step : until) {
    const bool stays =
        left-- <= retention_.last || step == newest_finite ||
        (retention_.every_steps > 0 && step % retention_.every_steps == 0);
    if (!stays) remove(step);
  }
}

CheckpointFolder::Newest CheckpointFolder::newest() const {
  Newest found;
  std::vector<int64_t> steps = this->steps();
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    const std::string file = file_of(*step);
    try {
      found.checkpoint = load_checkpoint(file);
      found.file = file;
      break;
    } catch (const DataError& error) {
      found.passed_over.emplace_back(error.what());
    }
  }
  for (const int64_t step : incomplete()) {
    if (!found.checkpoint || step > found.checkpoint->step) {
      found.passed_over.push_back(file_of(step) + ": was never completed");
    }
  }
  return found;
}

Checkpoint load_checkpoint(const std::string& file) {
  const std::string seal = seal_of(file);
  if (!fs::exists(seal)) {
    throw DataError(file, "was never completed (there is no " +
                              fs::path(seal).filename().string() + ")");
  }
  if (!fs::exists(file)) throw DataError(file, "its tensors are missing");
  const io::FileDigest digest = io::digest_of(file);
  const io::Metadata metadata = io::load_metadata(file);
  if (read_text(seal) != seal_text(file, digest, metadata)) {
    throw DataError(file,
                    "is damaged (its size or checksum is not the one in " +
                        fs::path(seal).filename().string() + ")");
  }
  Checkpoint checkpoint = from_metadata(file, metadata);
  if (metadata.at(kFinite) != "true") {
    throw DataError(file, "holds values that are not finite");
  }
  checkpoint.tensors = io::load_tensors(file);
  return checkpoint;
}

}  // namespace unimiss::train
