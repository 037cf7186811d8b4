#include "hw/virtio/net.h"

#include <algorithm>

namespace mimus::virtio {

namespace {

constexpr u16 kQueueSizes[] = {256, 256, 16};
enum : unsigned { kReceive, kTransmit, kControl };

// 5.1.3 Feature bits
constexpr u64 kCsum = u64{1} << 0;
constexpr u64 kMtu = u64{1} << 3;
constexpr u64 kMac = u64{1} << 5;
constexpr u64 kMrgRxBuf = u64{1} << 15;
constexpr u64 kStatus = u64{1} << 16;
constexpr u64 kCtrlVq = u64{1} << 17;
constexpr u64 kCtrlRx = u64{1} << 18;
constexpr u64 kCtrlMacAddr = u64{1} << 23;

// 5.1.6 struct virtio_net_hdr
struct Header {
  u8 flags;
  u8 gso_type;
  u16 hdr_len;
  u16 gso_size;
  u16 csum_start;
  u16 csum_offset;
  u16 num_buffers;
};
static_assert(sizeof(Header) == 12);
constexpr u8 kNeedsCsum = 1;

constexpr u64 kMaxFrame = 65536 + 14;
constexpr u64 kMaxCommand = 2 + 2 * (4 + 6 * NetFilter::kMaxEntries);

// RFC 1071: the one's complement sum of big-endian 16-bit words, folded.
u16 internet_sum(std::span<const u8> data) {
  u64 sum = 0;
  size_t i = 0;
  for (; i + 1 < data.size(); i += 2) sum += u32(data[i] << 8 | data[i + 1]);
  if (i < data.size()) sum += u32(data[i] << 8);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return u16(sum);
}

// 5.1.6.2: the field at csum_start + csum_offset already holds the sum of the pseudo header.
bool fill_checksum(std::span<u8> frame, const Header& header) {
  const u32 at = u32{header.csum_start} + header.csum_offset;
  if (header.csum_start > frame.size() || at + 2 > frame.size()) return false;
  const u16 sum = u16(~internet_sum(frame.subspan(header.csum_start)));
  frame[at] = u8(sum >> 8);
  frame[at + 1] = u8(sum);
  return true;
}

}  // namespace

Net::Net(std::string name, NetEndpoint& network, Options options, Wiring wiring)
    : VirtioDevice(std::move(name), DeviceId::net, kQueueSizes, wiring), network_(network), options_(options) {
  config_.mac = options.mac;
  config_.mtu = options.mtu;
  network_.attach([this](std::span<const u8> frame) { return deliver(frame); });
}

u64 Net::features() const { return kCsum | kMtu | kMac | kMrgRxBuf | kStatus | kCtrlVq | kCtrlRx | kCtrlMacAddr; }

void Net::set_link(bool up) {
  config_.status = up ? 1 : 0;
  if (negotiated(kStatus)) config_changed();
}

void Net::queue_notified(unsigned queue) {
  if (queue == kReceive) return network_.ready();
  serve(queue, [&](Chain& chain) { queue == kTransmit ? transmit(chain) : control(chain); });
}

void Net::started() { network_.ready(); }

void Net::stopped() {
  filter_.reset();
  config_.mac = options_.mac;
}

// Collects chains for `bytes` bytes; false, with everything given back, if there are too few.
bool Net::take_buffers(u64 bytes, std::vector<Chain>& chains) {
  chains.clear();
  u64 room = 0;
  do {
    while (running() && room < bytes) {
      Chain chain;
      if (!take(kReceive, chain)) break;
      room += total_bytes(chain.writable);
      chains.push_back(std::move(chain));
      if (!negotiated(kMrgRxBuf)) return true;
    }
    if (room >= bytes) return running();
  } while (running() && queue(kReceive).allow_notify());
  queue(kReceive).unpop(u16(chains.size()));
  return false;
}

// 5.1.6.4. Without VIRTIO_NET_F_MRG_RXBUF a frame that does not fit its one buffer is dropped.
bool Net::deliver(std::span<const u8> frame) {
  if (!running() || !(config_.status & 1) || frame.size() > kMaxFrame || !filter_.accepts(frame, config_.mac))
    return true;
  if (!take_buffers(sizeof(Header) + frame.size(), chains_)) return !running();
  const u64 first = total_bytes(chains_[0].writable);
  if (first < sizeof(Header)) return need_reset("receive buffer smaller than a header"), true;
  if (!negotiated(kMrgRxBuf) && first < sizeof(Header) + frame.size()) return queue(kReceive).unpop(1), true;
  Header header{};
  header.num_buffers = u16(chains_.size());
  u64 filled = scatter(memory(), chains_[0].writable, 0, {reinterpret_cast<const u8*>(&header), sizeof header});
  for (const Chain& chain : chains_) {
    const size_t count = scatter(memory(), chain.writable, filled, frame);
    frame = frame.subspan(count);
    queue(kReceive).push(chain.head, u32(filled + count));
    filled = 0;
  }
  publish(kReceive);
  return true;
}

void Net::transmit(Chain& chain) {
  Header header{};
  const u64 total = total_bytes(chain.readable);
  gather(chain.readable, 0, {reinterpret_cast<u8*>(&header), sizeof header});
  const u64 length = total - std::min<u64>(total, sizeof header);
  if (length == 0 || length > kMaxFrame || header.gso_type != 0) {
    guest_error("transmit packet without frame, too long, or segmented without negotiation");
  } else {
    const auto spans = slice<const u8>(chain.readable, sizeof header, length);
    const bool checksum = (header.flags & kNeedsCsum) && negotiated(kCsum);
    if (spans.size() == 1 && !checksum) {
      network_.send(spans[0]);
    } else {
      frame_.resize(length);
      gather(chain.readable, sizeof header, frame_);
      if (checksum && !fill_checksum(frame_, header)) guest_error("checksum field lies outside the packet");
      network_.send(frame_);
    }
  }
  finish(kTransmit, chain.head, 0);
}

struct Net::Command {
  u8 group;
  u64 feature;
  bool (Net::*run)(u8 command, std::span<const u8> data);
};

bool Net::run_command(std::span<const u8> command) {
  static constexpr Command kCommands[] = {
      {0, kCtrlRx, &Net::rx_mode},           // VIRTIO_NET_CTRL_RX
      {1, kCtrlMacAddr, &Net::mac_command},  // VIRTIO_NET_CTRL_MAC
  };
  if (command.size() < 2) return false;
  const auto* found = std::ranges::find(kCommands, command[0], &Command::group);
  return found != std::end(kCommands) && (this->*found->run)(command[1], command.subspan(2));
}

bool Net::rx_mode(u8 command, std::span<const u8> data) {
  return negotiated(kCtrlRx) && !data.empty() && filter_.set_mode(command, data[0] != 0);
}

// VIRTIO_NET_CTRL_MAC_TABLE_SET comes with CTRL_RX, VIRTIO_NET_CTRL_MAC_ADDR_SET with CTRL_MAC_ADDR.
bool Net::mac_command(u8 command, std::span<const u8> data) {
  if (command == 0) return negotiated(kCtrlRx) && filter_.set_table(data);
  if (command != 1 || !negotiated(kCtrlMacAddr) || data.size() < 6) return false;
  std::copy_n(data.begin(), 6, config_.mac.begin());
  return true;
}

// 5.1.6.5: class, command, data; the device answers with one byte, VIRTIO_NET_OK or VIRTIO_NET_ERR.
void Net::control(Chain& chain) {
  if (chain.writable.empty()) return need_reset("control command without a byte for the answer");
  std::vector<u8> command(std::min(kMaxCommand, total_bytes(chain.readable)));
  gather(chain.readable, 0, command);
  const u8 answer = run_command(command) ? 0 : 1;
  finish(kControl, chain.head, u32(scatter(memory(), chain.writable, 0, {&answer, 1})));
}

void Net::visit_device(StateVisitor& visitor) {
  visitor.field("mac", config_.mac);
  u16 status = config_.status;
  visitor.field("link", status);
  config_.status = status;
  filter_.visit_state(visitor);
}

void Net::after_load() { network_.ready(); }

}  // namespace mimus::virtio
