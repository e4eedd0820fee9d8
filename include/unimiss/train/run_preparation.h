#pragma once

#include <torch/types.h>

#include <map>
#include <optional>
#include <string>

#include "unimiss/config/fields.h"
#include "unimiss/core/device.h"
#include "unimiss/core/error.h"
#include "unimiss/data/loader.h"
#include "unimiss/distributed/communicator.h"
#include "unimiss/train/checkpoint.h"
#include "unimiss/train/resume.h"
#include "unimiss/train/run_folder.h"
#include "unimiss/train/run_options.h"

/// What every run looks at before its first step.
namespace unimiss::train {

/// Takes over the number of threads. Throws ConfigError for a precision that
/// the device cannot do.
void set_up_process(const RunOptions& options, torch::Device device);

/// Meets the processes that the environment tells of, if it does; takes the
/// number of threads over that are this one's share.
distributed::Communicator join_processes(const RunOptions& options);

/// Where a run begins: the device, and the checkpoint it goes on from, if any.
struct Beginning {
  torch::Device device = torch::kCPU;
  std::optional<Checkpoint> start;

  int64_t step() const { return start ? start->step : 0; }
};
/// Keeps other processes out of a folder that is there: they could take its
/// checkpoint further meanwhile. Throws ConfigError for a device, a precision,
/// a folder or a checkpoint that cannot be used.
/// world: of several processes the first one holds the folder.
Beginning begin_run(const RunOptions& options, const RunRequest& request,
                    RunFolder& folder, const CheckpointFolder& checkpoints,
                    const distributed::World& world = {});

/// LibTorch's own draws (drop path) become a function of seed, step and, of
/// several processes, which one it is.
void seed_step(const RunOptions& options, int64_t step, int64_t rank = 0);

/// Makes a loader's batches those of one of several processes, whose share of
/// run.process_timeout a sample may take.
void share_batches(data::LoaderOptions& options, const RunOptions& run,
                   const distributed::World& world);
/// Where a process begins to decode: as of data::DecodedCache::fill().
double begin_of(const distributed::World& world);
/// Throws ConfigError where a batch, a configuration's key, cannot be divided
/// among processes and their optimizer.accumulate parts.
void check_shares(int64_t batch, const char* key, int64_t parts,
                  int64_t processes);

/// What every checkpoint says of where it comes from.
std::map<std::string, std::string> checkpoint_texts(
    const std::string& config_text, torch::Device device);

/// Throws ConfigError where a checkpoint lies behind the end of the run; says
/// so where threads or device are others than its.
void check_start(const Checkpoint& start, int64_t total_steps,
                 torch::Device device);

/// Throws ConfigError, naming the key data.`kind`, where the files of that kind
/// are not those a checkpoint was made with.
void check_files(const Checkpoint& start, const char* kind,
                 const std::string& fingerprint);

/// The configuration a run was begun with must be this one, but for what leaves
/// the steps that are done as they are. Throws ConfigError. read_text(text,
/// name) reads the text of a saved one; plan_of(config) returns the function
/// from a step to all that its schedule gives it.
template <class Config, class ReadText, class PlanOf>
void check_earlier_config(const Config& config, const ReadText& read_text,
                          const RunFolder& folder, const Beginning& beginning,
                          const PlanOf& plan_of) {
  const std::string text = earlier_config(folder, beginning.start);
  if (text.empty()) return;
  const Config earlier = read_text(text, "the checkpoint's configuration");
  check_changes(config::compare(earlier, config), [&] {
    const auto before = plan_of(earlier), now = plan_of(config);
    for (int64_t step = 0; step < beginning.step(); ++step) {
      if (before(step) != now(step)) return false;
    }
    return true;
  });
}

/// Where a run keeps decoded files: as configured, else 'cache' beside its
/// folder.
std::string cache_folder(const std::string& configured,
                         const std::string& run_folder);

}  // namespace unimiss::train
