#include "machines/debug/gdb_listener.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "machines/debug/gdb_session.h"

namespace mimus::gdb {
namespace {

bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(size_t(sent));
  }
  return true;
}

}  // namespace

Expected<int> listen_on(const std::string& where) {
  const size_t colon = where.rfind(':');
  const std::string host = colon == std::string::npos ? "127.0.0.1" : where.substr(0, colon);
  const std::string port = colon == std::string::npos ? where : where.substr(colon + 1);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (port.empty() || getaddrinfo(host.empty() ? nullptr : host.c_str(), port.c_str(), &hints, &found) != 0)
    return usage_error(fmt::format("--gdb {}: wanted [HOST:]PORT", where));
  const int listener = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  if (listener >= 0) setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool good =
      listener >= 0 && bind(listener, found->ai_addr, found->ai_addrlen) == 0 && ::listen(listener, 1) == 0;
  const int error = errno;
  freeaddrinfo(found);
  if (good) return listener;
  if (listener >= 0) close(listener);
  return fail(fmt::format("--gdb {}: {}", where, strerror(error)));
}

std::string address_of(int listener) {
  sockaddr_storage address{};
  socklen_t bytes = sizeof address;
  char host[NI_MAXHOST] = "?", port[NI_MAXSERV] = "?";
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (getsockname(listener, generic, &bytes) == 0)
    getnameinfo(generic, bytes, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
  return fmt::format("{}:{}", host, port);
}

void serve(Session& session, int connection, int wake) {
  const int on = 1;
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  char buffer[4096];
  while (!session.over()) {
    pollfd ready[] = {{connection, POLLIN, 0}, {wake, POLLIN, 0}};
    if (poll(ready, 2, -1) < 0 && errno != EINTR) return;
    std::string out;
    if (ready[1].revents) {
      u64 count;
      if (read(wake, &count, sizeof count) < 0 && errno != EAGAIN && errno != EINTR) return;
      session.target_changed(out);
    }
    if (ready[0].revents) {
      const ssize_t got = recv(connection, buffer, sizeof buffer, 0);
      if (got == 0 || (got < 0 && errno != EINTR)) return;
      if (got > 0) session.receive({buffer, size_t(got)}, out);
    }
    if (!send_all(connection, out)) return;
  }
}

}  // namespace mimus::gdb
