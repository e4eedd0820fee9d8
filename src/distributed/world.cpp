#include "unimiss/distributed/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "unimiss/core/fields.h"

namespace unimiss::distributed {
namespace {

/// The numbers among the variables.
class Numbers {
 public:
  explicit Numbers(const Variables& variables) : variables_(variables) {}

  std::optional<int64_t> find(const std::string& name) const {
    const auto text = variables_(name);
    if (!text) return std::nullopt;
    int64_t value = 0;
    const char* end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, value);
    require(error == std::errc() && stop == end && value >= 0, name,
            "must be a whole number from 0 on (is '" + *text +
                "'); launchers set this variable");
    return value;
  }
  int64_t get(const std::string& name, const char* others) const {
    const auto value = find(name);
    require(value.has_value(), name,
            fmt::format("is not set, but {}; start the program by "
                        "--nproc-per-node, torchrun or srun, or unset them",
                        others));
    return *value;
  }

 private:
  const Variables& variables_;
};

/// What a launcher calls the numbers of a process.
struct Names {
  const char *rank, *size, *local_rank, *local_size;
};
constexpr Names kTorchrun{"RANK", "WORLD_SIZE", "LOCAL_RANK",
                          "LOCAL_WORLD_SIZE"};
constexpr Names kSlurm{"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID",
                       "SLURM_STEP_TASKS_PER_NODE"};

World of_torchrun(const Variables& variables, const Numbers& numbers) {
  World world;
  constexpr const char* kOthers = "RANK or WORLD_SIZE is";
  world.rank = numbers.get(kTorchrun.rank, kOthers);
  world.size = numbers.get(kTorchrun.size, kOthers);
  world.local_rank = numbers.find(kTorchrun.local_rank).value_or(world.rank);
  world.local_size = numbers.find(kTorchrun.local_size).value_or(world.size);
  world.agent_store =
      variables("TORCHELASTIC_USE_AGENT_STORE").value_or("") == "True";
  world.attempt = variables("TORCHELASTIC_RESTART_COUNT").value_or("0");
  return world;
}

/// "4(x2),3" says of the nodes one after another how many tasks they have;
/// that of this node is not told, so the largest is taken.
int64_t most_tasks(const std::string& text) {
  int64_t most = 0, number = 0;
  bool repeats = false;
  for (const char c : text + ",") {
    if (c >= '0' && c <= '9' && !repeats) {
      number = 10 * number + (c - '0');
    } else if (c == '(') {
      repeats = true;
    } else if (c == ',') {
      most = std::max(most, number);
      number = 0;
      repeats = false;
    }
  }
  return most;
}

World of_slurm(const Variables& variables, const Numbers& numbers) {
  World world;
  constexpr const char* kOthers = "SLURM_PROCID and SLURM_STEP_NUM_TASKS are";
  world.rank = numbers.get(kSlurm.rank, kOthers);
  world.size = numbers.get(kSlurm.size, kOthers);
  world.local_rank = numbers.get(kSlurm.local_rank, kOthers);
  world.local_size = most_tasks(
      variables(kSlurm.local_size).value_or(std::to_string(world.size)));
  const auto nodes = variables("SLURM_STEP_NODELIST");
  if (nodes) world.address = first_host(*nodes);
  world.attempt = variables("SLURM_RESTART_COUNT").value_or("0");
  // The same for all tasks of a step, another for other jobs of the machine.
  constexpr int64_t kFirstPort = 20000, kPorts = 12000, kSteps = 7;
  world.port = kFirstPort + (numbers.find("SLURM_JOB_ID").value_or(0) * kSteps +
                             numbers.find("SLURM_STEP_ID").value_or(0)) %
                                kPorts;
  return world;
}

void check(const World& world, const Names& names) {
  const auto within = [](int64_t value, int64_t size, const char* name,
                         const char* of) {
    require(
        value < size, name,
        fmt::format("must be less than {} (is {}, of {})", of, value, size));
  };
  require(world.size >= 1, names.size, "must be at least 1");
  within(world.rank, world.size, names.rank, names.size);
  within(world.local_rank, world.local_size, names.local_rank,
         names.local_size);
  require(world.port >= 1 && world.port <= 65535, "MASTER_PORT",
          fmt::format("must be from 1 to 65535 (is {})", world.port));
}

}  // namespace

World world_from(const Variables& variables) {
  const Numbers numbers(variables);
  World world;
  const bool torchrun = variables("RANK") || variables("WORLD_SIZE");
  if (torchrun) {
    world = of_torchrun(variables, numbers);
  } else if (numbers.find("SLURM_STEP_NUM_TASKS").value_or(1) > 1 &&
             variables("SLURM_PROCID")) {
    world = of_slurm(variables, numbers);
  } else {
    return world;
  }
  if (const auto address = variables("MASTER_ADDR")) world.address = *address;
  if (const auto port = numbers.find("MASTER_PORT")) world.port = *port;
  check(world, torchrun ? kTorchrun : kSlurm);
  return world;
}

World world_from_environment() {
  return world_from([](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  });
}

std::string first_host(const std::string& nodes) {
  const size_t bracket = nodes.find('[');
  const size_t comma = nodes.find(',');
  if (bracket == std::string::npos || comma < bracket) {
    return nodes.substr(0, comma);
  }
  const size_t first = bracket + 1;
  const size_t end = nodes.find_first_of("-,]", first);
  const size_t close = nodes.find(']', first);
  std::string host =
      nodes.substr(0, bracket) + nodes.substr(first, end - first);
  if (close != std::string::npos) {
    // "rack[1-2]gpu[3-4]" is possible, too.
    const size_t rest_end = nodes.find(',', close);
    const std::string rest = nodes.substr(
        close + 1, rest_end == std::string::npos ? std::string::npos
                                                 : rest_end - close - 1);
    if (!rest.empty()) host += first_host(rest);
  }
  return host;
}

}  // namespace unimiss::distributed
