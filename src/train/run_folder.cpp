#include "unimiss/train/run_folder.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <torch/version.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "unimiss/core/error.h"
#include "unimiss/io/durable_file.h"

namespace unimiss::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kManifest = "manifest.json";
constexpr const char* kConfig = "config.yaml";
/// What a run would overwrite.
constexpr const char* kOurs[] = {kConfig,       "metrics.jsonl", "log.txt",
                                 "checkpoints", "export",        "tensorboard",
                                 "nonfinite",   "progress.png"};

nlohmann::ordered_json read_manifest(const std::string& path) {
  std::ifstream file(path);
  auto json = nlohmann::ordered_json::parse(file, nullptr,
                                            /*allow_exceptions=*/false);
  const bool good =
      json.is_object() && json.contains("starts") && json["starts"].is_array();
  return good ? json : nlohmann::ordered_json();
}

[[noreturn]] void throw_unwritable(const std::string& path,
                                   const std::string& why) {
  throw ConfigError("run.output: the folder " + path + " cannot be written (" +
                    why + "); name another one, or mend its rights");
}

}  // namespace

RunFolder::RunFolder(std::string path) : path_(std::move(path)) {
  const std::string manifest = file(kManifest);
  if (fs::exists(manifest)) {
    if (read_manifest(manifest).is_null()) {
      throw ConfigError("run.output: " + manifest +
                        " is not the manifest of a run (damaged, or of another "
                        "program); name another folder, or move it away");
    }
    begun_ = true;
    return;
  }
  for (const char* name : kOurs) {
    if (!fs::exists(file(name))) continue;
    throw ConfigError(fmt::format(
        "run.output: {} holds a '{}' that no run of this program wrote (there "
        "is no {}); name another folder, or move that one away",
        path_, name, kManifest));
  }
}

RunFolder::~RunFolder() {
  if (lock_ >= 0) close(lock_);
}

void RunFolder::lock() {
  std::error_code error;
  fs::create_directories(path_, error);
  if (error) throw_unwritable(path_, error.message());
  lock_ = open(file(".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0) throw_unwritable(path_, std::strerror(errno));
  const auto refuse = [&](const std::string& why) {
    close(std::exchange(lock_, -1));
    throw ConfigError("run.output: " + why);
  };
  if (flock(lock_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    refuse(path_ +
           " is in use by another process; wait for it, stop it, or name "
           "another folder");
  }
  if (!begun_ && fs::exists(file(kManifest))) {
    refuse("another process began a run in " + path_ +
           " meanwhile; start this one again to go on there");
  }
}

void RunFolder::begin(const Facts& facts, const std::string& config_text) {
  nlohmann::ordered_json manifest;
  if (begun_) manifest = read_manifest(file(kManifest));
  nlohmann::ordered_json start;
  for (const auto& [name, value] : facts) start[name] = value;
  manifest["format"] = "unimiss run 1";
  manifest["starts"].push_back(std::move(start));
  try {
    io::write_durably(file(kManifest), manifest.dump(1) + "\n");
    io::write_durably(file(kConfig), config_text);
    for (const char* folder : {"checkpoints", "export"}) {
      fs::create_directories(file(folder));
    }
  } catch (const DataError& error) {
    throw_unwritable(path_, error.what());
  } catch (const fs::filesystem_error& error) {
    throw_unwritable(path_, error.code().message());
  }
  begun_ = true;
}

Facts facts_of_process(const std::string& command) {
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  std::error_code ignored;
  return {
      {"time",
       fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)))},
      {"version", UNIMISS_VERSION},
      {"libtorch", TORCH_VERSION},
      {"compiler", __VERSION__},
      {"host", host},
      {"process", std::to_string(getpid())},
      {"threads", std::to_string(at::get_num_threads())},
      {"directory", fs::current_path(ignored).string()},
      {"command", command},
  };
}

}  // namespace unimiss::train
