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
#include "unimiss/core/log.h"
#include "unimiss/io/durable_file.h"

namespace unimiss::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kManifest = "manifest.json";
constexpr const char* kConfig = "config.yaml";
/// Of a first start: the checkpoint of another run that it began from.
constexpr const char* kBranch = "resumed_from";
/// What a run would overwrite.
constexpr const char* kOurs[] = {kConfig,       "metrics.jsonl", "log.txt",
                                 "checkpoints", "export",        "tensorboard",
                                 "nonfinite",   "progress.png",  "splits.json",
                                 "validation",  "test"};

nlohmann::ordered_json read_manifest(const std::string& path) {
  std::ifstream file(path);
  auto json = nlohmann::ordered_json::parse(file, nullptr,
                                            /*allow_exceptions=*/false);
  const bool good = json.is_object() && json.contains("starts") &&
                    json["starts"].is_array() && !json["starts"].empty() &&
                    json["starts"].front().is_object();
  return good ? json : nlohmann::ordered_json();
}

bool there(const std::string& path) {
  std::error_code error;
  const bool exists = fs::exists(path, error);
  if (!error) return exists;
  throw ConfigError("run.output: " + path + " cannot be looked at (" +
                    error.message() +
                    "); name another folder, or mend its "
                    "rights");
}

[[noreturn]] void throw_unwritable(const std::string& path,
                                   const std::string& why) {
  throw ConfigError("run.output: the folder " + path + " cannot be written (" +
                    why + "); name another one, or mend its rights");
}

}  // namespace

RunFolder::RunFolder(std::string path) : path_(std::move(path)) {
  const std::string manifest = file(kManifest);
  if (there(manifest)) {
    const auto json = read_manifest(manifest);
    if (json.is_null()) {
      throw ConfigError("run.output: " + manifest +
                        " is not the manifest of a run (damaged, or of another "
                        "program); name another folder by --output, and this "
                        "one by --resume to go on from its checkpoints");
    }
    begun_ = true;
    const auto& first = json["starts"].front();
    if (first.contains(kBranch)) branch_ = first[kBranch].get<std::string>();
    return;
  }
  for (const char* name : kOurs) {
    if (!there(file(name))) continue;
    throw ConfigError(fmt::format(
        "run.output: {} holds a '{}' that no run of this program wrote (there "
        "is no {}); name another folder, or move that one away",
        path_, name, kManifest));
  }
}

RunFolder::~RunFolder() {
  if (lock_ >= 0) close(lock_);
}

void RunFolder::require_writable() const {
  fs::path folder = fs::absolute(path_);
  while (!there(folder.string()) && folder.has_relative_path()) {
    folder = folder.parent_path();
  }
  if (!fs::is_directory(folder)) {
    throw_unwritable(path_, folder.string() + " is a file");
  }
  if (access(folder.c_str(), W_OK | X_OK) != 0) {
    throw_unwritable(path_, std::strerror(errno));
  }
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
  if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      refuse(path_ +
             " is in use by another process; wait for it, stop it, or name "
             "another folder");
    }
    log_warning(path_ + ": this file system has no locks (" +
                std::strerror(errno) +
                "): start no second process with this folder");
  }
  if (!begun_ && there(file(kManifest))) {
    refuse("another process began a run in " + path_ +
           " meanwhile; start this one again to go on there");
  }
  remove_unfinished();
}

void RunFolder::remove_unfinished() const {
  std::error_code ignored;
  for (const char* folder : {"", "checkpoints", "export", "nonfinite"}) {
    for (const auto& entry : fs::directory_iterator(file(folder), ignored)) {
      if (io::is_unfinished(entry.path().filename().string())) {
        fs::remove(entry.path(), ignored);
      }
    }
  }
}

void RunFolder::begin(const Facts& facts, const std::string& config_text,
                      const std::string& branch) {
  nlohmann::ordered_json manifest;
  if (begun_) manifest = read_manifest(file(kManifest));
  auto start = nlohmann::ordered_json::object();
  for (const auto& [name, value] : facts) start[name] = value;
  if (!begun_ && !branch.empty()) {
    start[kBranch] = branch;
    branch_ = branch;
  }
  manifest["format"] = "unimiss run 1";
  manifest["starts"].push_back(std::move(start));
  try {
    // Names of folders may be any bytes.
    io::write_durably(
        file(kManifest),
        manifest.dump(1, ' ', false,
                      nlohmann::ordered_json::error_handler_t::replace) +
            "\n");
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
