#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <utility>

#include "machines/host/console/open_console.h"

namespace mimus {
namespace {

constexpr size_t kMostOutput = 64 * 1024;

// Everything here runs under the machine lock.
class SocketConsole final : public CharEndpoint {
 public:
  SocketConsole(int listener, std::string unix_path, EventQueue& events)
      : events_(events), listener_(listener), unix_path_(std::move(unix_path)) {
    listen_watch_ = events_.watch(listener_, POLLIN, [this](short) { accept_client(); });
  }
  ~SocketConsole() override {
    flush();
    drop_client();
    events_.unwatch(listen_watch_);
    close(listener_);
    if (!unix_path_.empty()) unlink(unix_path_.c_str());
  }

  size_t write(std::span<const u8> data) override {
    size_t taken = data.size();
    if (client_ >= 0) taken = std::min(taken, kMostOutput - std::min(output_.size(), kMostOutput));
    refused_ = taken < data.size();
    output_.insert(output_.end(), data.begin(), data.begin() + long(taken));
    if (client_ < 0 && output_.size() > kMostOutput) output_.erase(output_.begin(), output_.end() - long(kMostOutput));
    update_events();
    return taken;
  }
  void attach(Handlers handlers) override { handlers_ = std::move(handlers); }
  void resume() override { update_events(); }

 private:
  void accept_client() {
    client_ = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client_ < 0) return;
    events_.set_events(listen_watch_, 0);
    client_watch_ = events_.watch(client_, 0, [this](short revents) { client_event(revents); });
    update_events();
  }
  void drop_client() {
    if (client_ < 0) return;
    events_.unwatch(client_watch_);
    close(client_);
    client_ = -1;
    events_.set_events(listen_watch_, POLLIN);
    tell_writable();
  }
  void tell_writable() {
    if (std::exchange(refused_, false) && handlers_.on_writable) handlers_.on_writable();
  }
  void update_events() {
    if (client_ < 0) return;
    const bool room = handlers_.room && handlers_.room() > 0;
    events_.set_events(client_watch_, short((room ? POLLIN : 0) | (output_.empty() ? 0 : POLLOUT)));
  }
  void client_event(short revents) {
    if ((revents & POLLIN) && !receive()) return drop_client();
    if ((revents & POLLOUT) && !flush()) return drop_client();
    if ((revents & (POLLERR | POLLHUP)) && !(revents & POLLIN)) return drop_client();
    update_events();
  }
  // Both return false when the client is gone.
  bool receive() {
    u8 bytes[256];
    const size_t room = handlers_.room ? std::min(handlers_.room(), sizeof bytes) : 0;
    if (!room) return true;
    ssize_t got = recv(client_, bytes, room, 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    handlers_.on_input({bytes, size_t(got)});
    return true;
  }
  bool flush() {
    while (client_ >= 0 && !output_.empty()) {
      u8 bytes[4096];
      const size_t count = std::min(output_.size(), sizeof bytes);
      std::copy_n(output_.begin(), count, bytes);
      ssize_t sent = send(client_, bytes, count, MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN || errno == EINTR;
      output_.erase(output_.begin(), output_.begin() + sent);
    }
    tell_writable();
    return true;
  }

  EventQueue& events_;
  int listener_;
  std::string unix_path_;
  Handlers handlers_;
  EventQueue::WatchId listen_watch_ = 0, client_watch_ = 0;
  int client_ = -1;
  std::deque<u8> output_;
  bool refused_ = false;
};

Expected<int> listen_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return fail(fmt::format("socket {}: the path is too long", path));
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 || listen(fd, 1) < 0) {
    const int error = errno;
    if (fd >= 0) close(fd);
    return fail(fmt::format("socket {}: {}{}", path, strerror(error),
                            error == EADDRINUSE ? "; remove it if no other program uses it" : ""));
  }
  return fd;
}

Expected<int> listen_tcp(const std::string& text) {
  const size_t colon = text.rfind(':');
  const std::string host = colon == text.npos || colon == 0 ? "127.0.0.1" : text.substr(0, colon);
  const std::string port = colon == text.npos ? text : text.substr(colon + 1);
  addrinfo hints{}, *found = nullptr;
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  if (int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found))
    return usage_error(
        fmt::format("socket address '{}': {}; wanted /path, PORT or HOST:PORT", text, gai_strerror(error)));
  std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, 1) < 0) {
    const int error = errno;
    if (fd >= 0) close(fd);
    return fail(fmt::format("cannot listen at {}:{}: {}", host, port, strerror(error)));
  }
  return fd;
}

}  // namespace

Expected<std::unique_ptr<CharEndpoint>> open_socket_console(const std::string& address, EventQueue& events) {
  const bool is_path = address.find('/') != address.npos;
  auto listener = is_path ? listen_unix(address) : listen_tcp(address);
  if (!listener) return std::unexpected(listener.error());
  return std::make_unique<SocketConsole>(*listener, is_path ? address : "", events);
}

}  // namespace mimus
