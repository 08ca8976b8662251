// Preloaded into mpirun and its ranks by run.sh where a job stays on one host: what would listen on
// all interfaces listens on the loopback interface, so that nobody else reaches it. Open MPI 4.1
// has no setting for that: oob_tcp_if_include only chooses the addresses that mpirun tells its
// daemons.

#include <dlfcn.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

// The name of the C library's function, which the dynamic linker finds here first.
extern "C" __attribute__((visibility("default"))) int bind(int descriptor, const sockaddr* address,
                                                           socklen_t bytes) noexcept {
  using Bind = int (*)(int, const sockaddr*, socklen_t);
  static const auto call = reinterpret_cast<Bind>(::dlsym(RTLD_NEXT, "bind"));
  if (address != nullptr && address->sa_family == AF_INET && bytes >= sizeof(sockaddr_in)) {
    sockaddr_in own{};
    std::memcpy(&own, address, sizeof own);
    if (own.sin_addr.s_addr == htonl(INADDR_ANY)) own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return call(descriptor, reinterpret_cast<const sockaddr*>(&own), sizeof own);
  }
  if (address != nullptr && address->sa_family == AF_INET6 && bytes >= sizeof(sockaddr_in6)) {
    sockaddr_in6 own{};
    std::memcpy(&own, address, sizeof own);
    if (IN6_IS_ADDR_UNSPECIFIED(&own.sin6_addr)) own.sin6_addr = in6addr_loopback;
    return call(descriptor, reinterpret_cast<const sockaddr*>(&own), sizeof own);
  }
  return call(descriptor, address, bytes);
}
