#include "unimiss/distributed/free_port.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "unimiss/core/error.h"

namespace unimiss::distributed {

int64_t free_port() {
  const int handle = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool found = handle >= 0 && bind(handle, generic, size) == 0 &&
                     getsockname(handle, generic, &size) == 0;
  const int error = errno;
  if (handle >= 0) close(handle);
  if (!found) {
    throw RunError(fmt::format("there is no free port on this machine ({})",
                               std::strerror(error)));
  }
  return ntohs(address.sin_port);
}

}  // namespace unimiss::distributed
