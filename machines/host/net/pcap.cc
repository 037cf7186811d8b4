#include "machines/host/net/pcap.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace mimus {
namespace {

constexpr u64 kNsPerSecond = 1'000'000'000;
constexpr u32 kSnapLength = 262144;

struct FileHeader {
  u32 magic = 0xa1b23c4d;  // of this byte order, time stamps in nanoseconds
  u16 major = 2, minor = 4;
  u32 reserved[2] = {};
  u32 snap_length = kSnapLength;
  u32 link_type = 1;  // LINKTYPE_ETHERNET
};
static_assert(sizeof(FileHeader) == 24);

struct PacketHeader {
  u32 seconds, nanoseconds;
  u32 captured, original;
};

class Capture final : public NetEndpoint {
 public:
  Capture(std::unique_ptr<NetEndpoint> network, int fd, Clock& clock)
      : network_(std::move(network)), fd_(fd), clock_(clock) {}
  ~Capture() override { close(fd_); }

  void send(const NetFrame& frame) override {
    record(frame.bytes);
    network_->send(frame);
  }
  // A frame counts as received when the NIC has taken it.
  void attach(Deliver deliver) override {
    network_->attach([this, deliver = std::move(deliver)](const NetFrame& frame) {
      const bool taken = deliver(frame);
      if (taken) record(frame.bytes);
      return taken;
    });
  }
  void ready() override { network_->ready(); }
  NetOffloads takes() const override { return network_->takes(); }
  NetOffloads gives() const override { return network_->gives(); }
  void allow(const NetOffloads& offloads) override { network_->allow(offloads); }

  bool write_all(iovec* parts, int count) {
    ssize_t wanted = 0;
    for (int i = 0; i < count; ++i) wanted += ssize_t(parts[i].iov_len);
    ssize_t written;
    do written = writev(fd_, parts, count);
    while (written < 0 && errno == EINTR);
    return written == wanted;
  }

 private:
  // A record that did not fit (disk full) is taken back: the file ends with the last whole one.
  void record(std::span<const u8> frame) {
    if (full_) return;
    const u64 now = clock_.wall_clock_ns();
    PacketHeader header{u32(now / kNsPerSecond), u32(now % kNsPerSecond), u32(frame.size()), u32(frame.size())};
    iovec parts[] = {{&header, sizeof header}, {const_cast<u8*>(frame.data()), frame.size()}};
    const off_t before = lseek(fd_, 0, SEEK_CUR);
    if (write_all(parts, 2)) return;
    full_ = true;
    [[maybe_unused]] const int cut = ftruncate(fd_, before);
  }

  std::unique_ptr<NetEndpoint> network_;
  const int fd_;
  Clock& clock_;
  bool full_ = false;
};

}  // namespace

Expected<std::unique_ptr<NetEndpoint>> capture_packets(std::unique_ptr<NetEndpoint> network, const std::string& path,
                                                       Clock& clock) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return fail("--net: packet capture " + path + ": " + std::strerror(errno));
  auto capture = std::make_unique<Capture>(std::move(network), fd, clock);
  FileHeader header;
  iovec part{&header, sizeof header};
  if (!capture->write_all(&part, 1)) return fail("--net: packet capture " + path + ": " + std::strerror(errno));
  return capture;
}

}  // namespace mimus
