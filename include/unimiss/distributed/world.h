#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace unimiss::distributed {

/// Where a process stands among those that train together, and where they meet.
struct World {
  int64_t rank = 0;                        ///< of this process, from 0
  int64_t size = 1;                        ///< processes in all
  int64_t local_rank = 0, local_size = 1;  ///< on this machine
  std::string address = "127.0.0.1";       ///< of the machine of rank 0
  int64_t port = 29500;
  /// The launcher keeps the store at that port, as torchrun's agent does; else
  /// rank 0 does.
  bool agent_store = false;
  /// Counts the starts of a launcher that starts again what failed.
  std::string attempt = "0";
};

/// The value of a variable of the environment, if it has one.
using Variables =
    std::function<std::optional<std::string>(const std::string& name)>;

/// As the launcher says in the environment:
///
/// - torchrun and unimiss's own: RANK, WORLD_SIZE, LOCAL_RANK,
///   LOCAL_WORLD_SIZE, MASTER_ADDR, MASTER_PORT, TORCHELASTIC_USE_AGENT_STORE,
///   TORCHELASTIC_RESTART_COUNT;
/// - `srun` with several tasks: SLURM_PROCID, SLURM_STEP_NUM_TASKS,
///   SLURM_LOCALID, SLURM_STEP_TASKS_PER_NODE, the first of
///   SLURM_STEP_NODELIST, a port that follows from SLURM_JOB_ID and
///   SLURM_STEP_ID. MASTER_ADDR and MASTER_PORT count where they are set.
///
/// Without either one process. Throws ConfigError for values that contradict
/// each other or are no numbers.
World world_from(const Variables& variables);
/// Of this process.
World world_from_environment();

/// The first host of a SLURM list: "gpu[03-05,9],login" -> "gpu03".
std::string first_host(const std::string& nodes);

}  // namespace unimiss::distributed
