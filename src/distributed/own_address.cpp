#include "distributed/own_address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

namespace unimiss::distributed {
namespace {

std::string text_of(const sockaddr* address, socklen_t size) {
  char text[NI_MAXHOST] = "";
  getnameinfo(address, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  return text;
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1";
}

/// Of the socket that would be used; nothing is sent.
std::string towards(const addrinfo& target) {
  const int handle = socket(target.ai_family, SOCK_DGRAM, 0);
  if (handle < 0) return "";
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  auto* generic = reinterpret_cast<sockaddr*>(&own);
  const bool found = connect(handle, target.ai_addr, target.ai_addrlen) == 0 &&
                     getsockname(handle, generic, &size) == 0;
  close(handle);
  return found ? text_of(generic, size) : "";
}

std::string first_network() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return "";
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, freeifaddrs);
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    // Networks of containers and virtual machines lead nowhere.
    const std::string name = each->ifa_name;
    const bool inner = name.starts_with("docker") ||
                       name.starts_with("virbr") || name.starts_with("br-");
    constexpr unsigned kWanted = IFF_UP | IFF_RUNNING;
    const bool usable = !inner && (each->ifa_flags & kWanted) == kWanted &&
                        (each->ifa_flags & IFF_LOOPBACK) == 0 &&
                        each->ifa_addr != nullptr &&
                        each->ifa_addr->sa_family == AF_INET;
    if (usable) return text_of(each->ifa_addr, sizeof(sockaddr_in));
  }
  return "";
}

}  // namespace

std::string own_address(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* list = nullptr;
  // Any port will do.
  if (getaddrinfo(host.c_str(), "9", &hints, &list) != 0) return "";
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list,
                                                             freeaddrinfo);
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    std::string address = towards(*each);
    if (!address.empty() && !is_loopback(address)) return address;
  }
  return first_network();
}

}  // namespace unimiss::distributed
