#include "machines/host/net/link.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <optional>
#include <vector>

namespace mimus {
namespace {

constexpr size_t kMaxFrame = 65536 + 14;
constexpr size_t kMaxQueuedFrames = 1024;  // while the peer is busy; more are dropped
constexpr unsigned kFramesPerTurn = 64;

std::optional<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return {};
  path.copy(address.sun_path, path.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) { return reinterpret_cast<const sockaddr*>(&address); }
int datagram_socket() { return socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

// One socket receives from whoever knows its path; another one, connected to the peer, sends, so that poll(2) says when
// the peer has room again.
class LinkNet final : public NetEndpoint {
 public:
  LinkNet(EventQueue& events, int receiver, const sockaddr_un& local, const sockaddr_un& peer)
      : events_(events), receiver_(receiver), local_(local), peer_(peer), buffer_(kMaxFrame) {
    receive_watch_ = events_.watch(receiver_, POLLIN, [this](short) { receive(); });
    send_watch_ = events_.watch(sender_, 0, [this](short) { send_pending(); });
  }
  ~LinkNet() override {
    events_.unwatch(receive_watch_);
    events_.unwatch(send_watch_);
    unlink(local_.sun_path);
    close(receiver_);
    close(sender_);
  }

  void send(const NetFrame& frame) override {
    if (pending_.empty() && transmit(frame.bytes)) return;
    if (pending_.size() >= kMaxQueuedFrames) return;
    pending_.emplace_back(frame.bytes.begin(), frame.bytes.end());
    events_.set_events(send_watch_, POLLOUT);
  }
  void attach(Deliver deliver) override { deliver_ = std::move(deliver); }
  void ready() override {
    if (kept_) receive_kept();
  }

 private:
  // False: the peer has no room now. A peer that is not there, or has gone, loses the frame.
  bool transmit(std::span<const u8> frame) {
    for (int attempt = 0; attempt < 2; ++attempt) {
      if (!connected_) connected_ = connect(sender_, generic(peer_), sizeof peer_) == 0;
      if (!connected_) return true;
      if (::send(sender_, frame.data(), frame.size(), MSG_NOSIGNAL) >= 0) return true;
      if (errno == EAGAIN || errno == ENOBUFS) return false;
      connected_ = false;  // another one may have taken its place
    }
    return true;
  }
  void send_pending() {
    while (!pending_.empty() && transmit(pending_.front())) pending_.pop_front();
    if (pending_.empty()) events_.set_events(send_watch_, 0);
  }

  void receive() {
    for (unsigned i = 0; i < kFramesPerTurn; ++i) {
      const ssize_t count = recv(receiver_, buffer_.data(), buffer_.size(), 0);
      if (count <= 0) return;
      kept_ = size_t(count);
      if (!hand_over()) return;
    }
  }
  bool hand_over() {
    if (deliver_ && !deliver_({.bytes = std::span(buffer_).first(kept_)})) {
      events_.set_events(receive_watch_, 0);  // until ready()
      return false;
    }
    kept_ = 0;
    return true;
  }
  void receive_kept() {
    if (hand_over()) events_.set_events(receive_watch_, POLLIN);
  }

  EventQueue& events_;
  const int receiver_;
  const int sender_ = datagram_socket();
  const sockaddr_un local_, peer_;
  EventQueue::WatchId receive_watch_, send_watch_;
  Deliver deliver_;
  std::vector<u8> buffer_;
  size_t kept_ = 0;  // bytes of a frame in buffer_ that the NIC has not taken yet
  std::deque<std::vector<u8>> pending_;
  bool connected_ = false;
};

// Nobody reads from the socket at this path any more.
bool abandoned(const sockaddr_un& address) {
  const int probe = datagram_socket();
  const bool refused = connect(probe, generic(address), sizeof address) < 0 && errno == ECONNREFUSED;
  close(probe);
  return refused;
}

// A socket bound to the path; -1 with errno. What a machine that crashed has left there is removed.
int bind_to(const sockaddr_un& address) {
  const int fd = datagram_socket();
  if (bind(fd, generic(address), sizeof address) == 0) return fd;
  if (errno == EADDRINUSE) {
    if (abandoned(address)) unlink(address.sun_path);
    if (bind(fd, generic(address), sizeof address) == 0) return fd;
  }
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

// Held while an end is chosen: two machines that start at the same time must not take the same one.
class FolderLock {
 public:
  explicit FolderLock(const std::string& path) {
    const size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    fd_ = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd_ >= 0) flock(fd_, LOCK_EX);
  }
  ~FolderLock() {
    if (fd_ >= 0) close(fd_);
  }
  FolderLock(const FolderLock&) = delete;

 private:
  int fd_;
};

std::unexpected<Error> path_error(const std::string& path) {
  return usage_error("--net link: '" + path + "' is empty or too long for the path of a socket");
}

}  // namespace

Expected<Link> open_link(const std::string& local, const std::string& peer, EventQueue& events) {
  const auto here = address_of(local), there = address_of(peer);
  if (!here || !there) return path_error(here ? peer : local);
  const int fd = bind_to(*here);
  if (fd < 0) {
    const int error = errno;
    return fail("--net link: the socket " + local +
                (error == EADDRINUSE ? " is in use by another machine" : std::string(": ") + std::strerror(error)));
  }
  return Link{std::make_unique<LinkNet>(events, fd, *here, *there), 0};
}

Expected<Link> open_link(const std::string& path, EventQueue& events) {
  const std::string ends[] = {path + ".1", path + ".2"};
  if (path.empty() || !address_of(ends[0])) return path_error(path);
  const FolderLock lock(path);
  for (unsigned end = 0; end < 2; ++end) {
    const auto here = *address_of(ends[end]), there = *address_of(ends[1 - end]);
    const int fd = bind_to(here);
    if (fd >= 0) return Link{std::make_unique<LinkNet>(events, fd, here, there), end};
    if (errno != EADDRINUSE) return fail("--net link=" + path + ": " + std::strerror(errno));
  }
  return fail("--net link=" + path + ": both ends are in use by other machines; a link has two");
}

}  // namespace mimus
