#include "distributed/own_address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace unimiss::distributed {
namespace {

TEST(OwnAddress, IsNumericAndNoLoopback) {
  // A machine without a network has none.
  const std::string address = own_address("localhost");
  if (address.empty()) GTEST_SKIP() << "this machine has no network";
  in_addr version4{};
  in6_addr version6{};
  EXPECT_TRUE(inet_pton(AF_INET, address.c_str(), &version4) == 1 ||
              inet_pton(AF_INET6, address.c_str(), &version6) == 1)
      << address;
  EXPECT_FALSE(address.starts_with("127.")) << address;
}

TEST(OwnAddress, OfTheWayToItselfIsThatAddress) {
  const std::string address = own_address("localhost");
  if (address.empty()) GTEST_SKIP() << "this machine has no network";
  EXPECT_EQ(own_address(address), address);
}

TEST(OwnAddress, OfTheWayToAnUnknownHostIsEmpty) {
  EXPECT_EQ(own_address("no such host"), "");
}

}  // namespace
}  // namespace unimiss::distributed
