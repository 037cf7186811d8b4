#include "machines/host/net/tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/sockios.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace mimus {
namespace {

// struct virtio_net_hdr_v1, in front of every frame in both directions. (The kernel's header file is not C++.)
struct Header {
  u8 flags, gso_type;
  u16 hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};
static_assert(sizeof(Header) == 12);
constexpr u8 kNeedsChecksum = 1, kDataValid = 2;  // flags
constexpr u8 kGsoEcn = 0x80;                      // gso_type
constexpr size_t kMaxFrame = 65536 + 14;
constexpr unsigned kFramesPerTurn = 64;  // then others get their turn

struct Kind {
  NetFrame::Segments segments;
  u8 type;
};
constexpr Kind kKinds[] = {{NetFrame::Segments::none, 0}, {NetFrame::Segments::tcp4, 1}, {NetFrame::Segments::tcp6, 4}};

class Tap final : public NetEndpoint {
 public:
  Tap(EventQueue& events, int fd) : events_(events), fd_(fd), buffer_(sizeof(Header) + kMaxFrame) {
    watch_ = events_.watch(fd_, POLLIN, [this](short) { receive(); });
  }
  ~Tap() override {
    events_.unwatch(watch_);
    close(fd_);
  }

  // A full queue of the host drops the frame, as a network does.
  void send(const NetFrame& frame) override {
    Header header{};
    if (frame.needs_checksum) {
      header.flags = kNeedsChecksum;
      header.csum_start = frame.checksum_start;
      header.csum_offset = frame.checksum_offset;
    }
    for (const Kind& kind : kKinds)
      if (kind.segments == frame.segments) header.gso_type = kind.type;
    header.gso_size = frame.segment_bytes;
    header.hdr_len = frame.header_bytes;
    const iovec parts[] = {{&header, sizeof header}, {const_cast<u8*>(frame.bytes.data()), frame.bytes.size()}};
    [[maybe_unused]] const ssize_t written = writev(fd_, parts, 2);
  }
  void attach(Deliver deliver) override { deliver_ = std::move(deliver); }
  void ready() override {
    if (kept_) events_.set_events(watch_, POLLIN | POLLOUT);  // writable always: receive() is called soon
  }
  NetOffloads takes() const override { return {.checksum = true, .tcp4 = true, .tcp6 = true}; }
  NetOffloads gives() const override { return {.checksum = true, .tcp4 = true, .tcp6 = true}; }
  void allow(const NetOffloads& offloads) override {
    kept_ = 0;  // it may carry what was allowed before
    const unsigned flags =
        (offloads.checksum ? TUN_F_CSUM : 0u) | (offloads.tcp4 ? TUN_F_TSO4 : 0u) | (offloads.tcp6 ? TUN_F_TSO6 : 0u);
    ioctl(fd_, TUNSETOFFLOAD, flags);
    events_.set_events(watch_, POLLIN);
  }

 private:
  void receive() {
    events_.set_events(watch_, POLLIN);
    for (unsigned i = 0; i < kFramesPerTurn; ++i) {
      if (!kept_) {
        const ssize_t count = read(fd_, buffer_.data(), buffer_.size());
        if (count <= ssize_t(sizeof(Header))) return;
        kept_ = size_t(count);
      }
      if (!deliver_ || !deliver_(frame())) return events_.set_events(watch_, 0);  // until ready()
      kept_ = 0;
    }
  }

  // The kernel's header and lengths are to be trusted.
  NetFrame frame() const {
    Header header;
    std::memcpy(&header, buffer_.data(), sizeof header);
    NetFrame frame{.bytes = std::span(buffer_).subspan(sizeof header, kept_ - sizeof header)};
    frame.needs_checksum = header.flags & kNeedsChecksum;
    frame.checked = header.flags & kDataValid;
    frame.checksum_start = header.csum_start;
    frame.checksum_offset = header.csum_offset;
    for (const Kind& kind : kKinds)
      if (kind.type == (header.gso_type & ~kGsoEcn)) frame.segments = kind.segments;
    frame.header_bytes = header.hdr_len;
    frame.segment_bytes = header.gso_size;
    return frame;
  }

  EventQueue& events_;
  const int fd_;
  EventQueue::WatchId watch_;
  Deliver deliver_;
  std::vector<u8> buffer_;
  size_t kept_ = 0;  // bytes of a frame in buffer_ that the NIC has not taken yet
};

// What to say about an error of the kernel.
struct Advice {
  int error;
  std::string text;
};

Error tap_error(const std::string& name, const char* what) {
  const int error = errno;
  const Advice advice[] = {
      {EPERM, "is not permitted; let an administrator run: ip tuntap add dev " + name +
                  " mode tap user $USER && ip link set " + name + " up"},
      {EACCES, "is not permitted: no access to /dev/net/tun"},
      {EBUSY, "is in use by another program"},
      {EINVAL, "exists, but is not a TAP interface"},
      {ENOENT, "needs /dev/net/tun; load the kernel module: modprobe tun"},
      {ENODEV, "needs /dev/net/tun; load the kernel module: modprobe tun"},
  };
  for (const Advice& one : advice)
    if (one.error == error) return {.message = "--net tap=" + name + ": the interface " + one.text};
  return {.message = "--net tap=" + name + ": " + what + ": " + std::strerror(error)};
}

ifreq request_for(const std::string& name) {
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  return request;
}

// Linux, Documentation/networking/bridge.rst: SIOCBRADDIF.
Expected<void> join_bridge(const std::string& name, const std::string& bridge) {
  const int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request = request_for(bridge);
  request.ifr_ifindex = int(if_nametoindex(name.c_str()));
  bool good = ioctl(control, SIOCBRADDIF, &request) == 0 || errno == EBUSY;  // busy: it is in a bridge already
  request = request_for(name);
  good = good && ioctl(control, SIOCGIFFLAGS, &request) == 0;
  request.ifr_flags |= IFF_UP;
  good = good && ioctl(control, SIOCSIFFLAGS, &request) == 0;
  const int error = errno;
  close(control);
  if (good) return {};
  if (error == ENODEV)
    return fail("--net tap=" + name + ": there is no bridge " + bridge + "; ip link add " + bridge +
                " type bridge makes one");
  return fail("--net tap=" + name + ": it cannot join the bridge " + bridge + " (" + std::strerror(error) +
              "); let an administrator run: ip link set " + name + " master " + bridge + " up");
}

}  // namespace

Expected<std::unique_ptr<NetEndpoint>> open_tap(const std::string& name, const std::string& bridge,
                                                EventQueue& events) {
  if (name.empty() || name.size() >= IFNAMSIZ) return usage_error("--net tap=" + name + ": not a name of an interface");
  const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return std::unexpected(tap_error(name, "/dev/net/tun"));
  ifreq request = request_for(name);
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  int header = sizeof(Header);
  if (ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &header) < 0) {
    Error error = tap_error(name, "the interface cannot be opened");
    close(fd);
    return std::unexpected(std::move(error));
  }
  auto tap = std::make_unique<Tap>(events, fd);
  if (!bridge.empty()) MIMUS_CHECK(join_bridge(name, bridge));
  return tap;
}

}  // namespace mimus
