#include "hw/virtio/net.h"

#include <algorithm>

#include "core/base/internet_sum.h"

namespace mimus::virtio {

namespace {

constexpr u16 kQueueSizes[] = {256, 256, 16};
enum : unsigned { kReceive, kTransmit, kControl };

// 5.1.3 Feature bits
constexpr u64 kCsum = u64{1} << 0;
constexpr u64 kGuestCsum = u64{1} << 1;
constexpr u64 kMtu = u64{1} << 3;
constexpr u64 kMac = u64{1} << 5;
constexpr u64 kGuestTso4 = u64{1} << 7;
constexpr u64 kGuestTso6 = u64{1} << 8;
constexpr u64 kHostTso4 = u64{1} << 11;
constexpr u64 kHostTso6 = u64{1} << 12;
constexpr u64 kMrgRxBuf = u64{1} << 15;
constexpr u64 kStatus = u64{1} << 16;
constexpr u64 kCtrlVq = u64{1} << 17;
constexpr u64 kCtrlRx = u64{1} << 18;
constexpr u64 kCtrlMacAddr = u64{1} << 23;

// 5.1.6: flags and segmentation types
constexpr u8 kNeedsCsum = 1, kDataValid = 2;
constexpr u8 kGsoNone = 0, kGsoTcp4 = 1, kGsoTcp6 = 4;

constexpr u64 kMaxFrame = 65536 + 14;
constexpr u64 kMaxCommand = 2 + 2 * (4 + 6 * NetFilter::kMaxEntries);

// 5.1.6.2: the field at checksum_start + checksum_offset already holds the sum of the pseudo header.
void fill_checksum(std::span<u8> bytes, const NetFrame& frame) {
  const u16 sum = u16(~internet_sum(bytes.subspan(frame.checksum_start)));
  const u32 at = u32{frame.checksum_start} + frame.checksum_offset;
  bytes[at] = u8(sum >> 8);
  bytes[at + 1] = u8(sum);
}

u64 feature_if(bool on, u64 feature) { return on ? feature : 0; }

}  // namespace

// 5.1.6 struct virtio_net_hdr
struct Net::Header {
  u8 flags;
  u8 gso_type;
  u16 hdr_len;
  u16 gso_size;
  u16 csum_start;
  u16 csum_offset;
  u16 num_buffers;
};

Net::Net(std::string name, NetEndpoint& network, Options options, Wiring wiring)
    : VirtioDevice(std::move(name), DeviceId::net, kQueueSizes, wiring),
      network_(network),
      takes_(network.takes()),
      gives_(network.gives()),
      options_(options) {
  static_assert(sizeof(Header) == 12);
  config_.mac = options.mac;
  config_.mtu = options.mtu;
  network_.attach([this](const NetFrame& frame) { return deliver(frame); });
}

u64 Net::features() const {
  return kCsum | kMtu | kMac | kMrgRxBuf | kStatus | kCtrlVq | kCtrlRx | kCtrlMacAddr |
         feature_if(takes_.tcp4, kHostTso4) | feature_if(takes_.tcp6, kHostTso6) |
         feature_if(gives_.checksum, kGuestCsum) | feature_if(gives_.checksum && gives_.tcp4, kGuestTso4) |
         feature_if(gives_.checksum && gives_.tcp6, kGuestTso6);
}

// 5.1.3.1: segmentation comes with checksums.
void Net::allow_offloads() {
  const bool checksum = running() && negotiated(kGuestCsum);
  network_.allow({checksum, checksum && negotiated(kGuestTso4), checksum && negotiated(kGuestTso6)});
}

void Net::set_link(bool up) {
  config_.status = up ? 1 : 0;
  if (negotiated(kStatus)) config_changed();
}

void Net::queue_notified(unsigned queue) {
  if (queue == kReceive) return network_.ready();
  serve(queue, [&](Chain& chain) { queue == kTransmit ? transmit(chain) : control(chain); });
}

void Net::started() {
  allow_offloads();
  network_.ready();
}

void Net::stopped() {
  filter_.reset();
  config_.mac = options_.mac;
  network_.allow({});
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

Net::Header Net::receive_header(const NetFrame& frame) const {
  using enum NetFrame::Segments;
  Header header{};
  header.num_buffers = u16(chains_.size());
  if (!negotiated(kGuestCsum)) return header;
  if (frame.needs_checksum) {
    header.flags = kNeedsCsum;
    header.csum_start = frame.checksum_start;
    header.csum_offset = frame.checksum_offset;
  } else if (frame.checked) {
    header.flags = kDataValid;
  }
  if (frame.segments == none) return header;
  header.gso_type = frame.segments == tcp4 ? kGsoTcp4 : kGsoTcp6;
  header.hdr_len = frame.header_bytes;
  header.gso_size = frame.segment_bytes;
  return header;
}

// 5.1.6.4. Without VIRTIO_NET_F_MRG_RXBUF a frame that does not fit its one buffer is dropped.
bool Net::deliver(const NetFrame& frame) {
  auto bytes = frame.bytes;
  if (!running() || !(config_.status & 1) || bytes.size() > kMaxFrame || !filter_.accepts(bytes, config_.mac))
    return true;
  if (!take_buffers(sizeof(Header) + bytes.size(), chains_)) return !running();
  const u64 first = total_bytes(chains_[0].writable);
  if (first < sizeof(Header)) return need_reset("receive buffer smaller than a header"), true;
  if (!negotiated(kMrgRxBuf) && first < sizeof(Header) + bytes.size()) return queue(kReceive).unpop(1), true;
  const Header header = receive_header(frame);
  u64 filled = scatter(memory(), chains_[0].writable, 0, {reinterpret_cast<const u8*>(&header), sizeof header});
  for (const Chain& chain : chains_) {
    const size_t count = scatter(memory(), chain.writable, filled, bytes);
    bytes = bytes.subspan(count);
    queue(kReceive).push(chain.head, u32(filled + count));
    filled = 0;
  }
  publish(kReceive);
  return true;
}

// What the driver's header says, checked against the frame and what was negotiated.
bool Net::describe(const Header& header, NetFrame& frame) const {
  struct Kind {
    u8 type;
    u64 feature;
    NetFrame::Segments segments;
  };
  static constexpr Kind kKinds[] = {{kGsoTcp4, kHostTso4, NetFrame::Segments::tcp4},
                                    {kGsoTcp6, kHostTso6, NetFrame::Segments::tcp6}};
  if ((header.flags & kNeedsCsum) && negotiated(kCsum)) {
    frame.needs_checksum = true;
    frame.checksum_start = header.csum_start;
    frame.checksum_offset = header.csum_offset;
    if (u32{header.csum_start} + header.csum_offset + 2 > frame.bytes.size()) return false;
  }
  if (header.gso_type == kGsoNone) return true;
  const auto* kind = std::ranges::find(kKinds, header.gso_type, &Kind::type);
  if (kind == std::end(kKinds) || !negotiated(kind->feature) || !frame.needs_checksum || header.gso_size == 0)
    return false;
  frame.segments = kind->segments;
  // 5.1.6.2.1: hdr_len is a hint only; the TCP header's own length field is what counts.
  const size_t length_field = size_t{header.csum_start} + 12;
  if (length_field >= frame.bytes.size()) return false;
  const size_t header_bytes = header.csum_start + 4u * (frame.bytes[length_field] >> 4);
  if (header_bytes > frame.bytes.size()) return false;
  frame.header_bytes = u16(header_bytes);
  frame.segment_bytes = header.gso_size;
  return true;
}

void Net::send(NetFrame frame) {
  if (frame.needs_checksum && !takes_.checksum) {
    if (frame.bytes.data() != frame_.data()) {
      frame_.assign(frame.bytes.begin(), frame.bytes.end());
      frame.bytes = frame_;
    }
    fill_checksum(frame_, frame);
    frame.needs_checksum = false;
  }
  network_.send(frame);
}

void Net::transmit(Chain& chain) {
  Header header{};
  const u64 total = total_bytes(chain.readable);
  gather(chain.readable, 0, {reinterpret_cast<u8*>(&header), sizeof header});
  const u64 length = total - std::min<u64>(total, sizeof header);
  if (length == 0 || length > kMaxFrame) {
    guest_error("transmit packet without frame, or too long");
  } else {
    const auto spans = slice<const u8>(chain.readable, sizeof header, length);
    NetFrame frame;
    frame.bytes = spans[0];
    if (spans.size() > 1) {
      frame_.resize(length);
      gather(chain.readable, sizeof header, frame_);
      frame.bytes = frame_;
    }
    if (describe(header, frame))
      send(frame);
    else
      guest_error("transmit header that does not fit the packet or what was negotiated");
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

void Net::after_load() {
  allow_offloads();
  network_.ready();
}

}  // namespace mimus::virtio
