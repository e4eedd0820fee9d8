#include "unimiss/distributed/free_port.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace unimiss::distributed {
namespace {

/// Whether a program may listen at a port of this machine.
bool can_listen(int64_t port) {
  const int handle = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  const bool can =
      bind(handle, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(handle);
  return can;
}

TEST(FreePort, IsOneThatOneMayListenAt) {
  const int64_t port = free_port();
  EXPECT_GE(port, 1024);
  EXPECT_LE(port, 65535);
  EXPECT_TRUE(can_listen(port));
}

}  // namespace
}  // namespace unimiss::distributed
