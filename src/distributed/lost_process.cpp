#include "distributed/lost_process.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include "unimiss/distributed/communicator.h"

namespace unimiss::distributed {

void throw_lost(const World& world, const std::string& work,
                const std::exception& error) {
  const auto* bug = dynamic_cast<const c10::Error*>(&error);
  throw LostProcess(fmt::format(
      "process {} of {} lost the others while {}: {}; look for the first "
      "process that failed",
      world.rank, world.size, work,
      bug != nullptr ? bug->what_without_backtrace() : error.what()));
}

}  // namespace unimiss::distributed
