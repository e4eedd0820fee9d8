#include "distributed/lost_process.h"

#include <fmt/format.h>

#include "unimiss/core/error_message.h"
#include "unimiss/distributed/communicator.h"

namespace unimiss::distributed {

void throw_lost(const World& world, const std::string& work,
                const std::exception& error) {
  throw LostProcess(fmt::format(
      "process {} of {} lost the others while {}: {}; look for the first "
      "process that failed",
      world.rank, world.size, work, error_message(error)));
}

}  // namespace unimiss::distributed
