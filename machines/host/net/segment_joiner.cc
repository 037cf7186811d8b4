#include "machines/host/net/segment_joiner.h"

#include <algorithm>

#include "core/base/internet_sum.h"

namespace mimus {
namespace {

constexpr size_t kEthernet = 14, kIpv4 = 20, kIpv6 = 40, kTcp = 20;
constexpr size_t kMaxPacket = 65535;
constexpr u8 kTcpProtocol = 6;
constexpr u8 kAck = 0x10, kPush = 0x08;

u16 get16(std::span<const u8> bytes, size_t at) { return u16(bytes[at] << 8 | bytes[at + 1]); }
u32 get32(std::span<const u8> bytes, size_t at) { return u32(get16(bytes, at)) << 16 | get16(bytes, at + 2); }
void put16(std::span<u8> bytes, size_t at, u32 value) {
  bytes[at] = u8(value >> 8);
  bytes[at + 1] = u8(value);
}

// Where the parts of a plain TCP segment lie in its frame.
struct Segment {
  bool v6;
  size_t tcp;      // offset of the TCP header
  size_t payload;  // offset
};

// Nothing for what is no TCP segment, has IP options or is a fragment, or is padded.
std::optional<Segment> parse(std::span<const u8> frame) {
  if (frame.size() < kEthernet + kIpv4 + kTcp) return {};
  Segment segment{};
  const u16 type = get16(frame, 12);
  if (type == 0x0800) {
    constexpr u16 kFragment = 0x3fff;  // MF and the offset
    if (frame[kEthernet] != 0x45 || (get16(frame, kEthernet + 6) & kFragment) || frame[kEthernet + 9] != kTcpProtocol ||
        kEthernet + get16(frame, kEthernet + 2) != frame.size())
      return {};
    segment.tcp = kEthernet + kIpv4;
  } else if (type == 0x86dd) {
    if (frame.size() < kEthernet + kIpv6 + kTcp || frame[kEthernet] >> 4 != 6 || frame[kEthernet + 6] != kTcpProtocol ||
        kEthernet + kIpv6 + get16(frame, kEthernet + 4) != frame.size())
      return {};
    segment.v6 = true;
    segment.tcp = kEthernet + kIpv6;
  } else {
    return {};
  }
  const size_t header = 4u * (frame[segment.tcp + 12] >> 4);
  if (header < kTcp || segment.tcp + header > frame.size()) return {};
  segment.payload = segment.tcp + header;
  return segment;
}

bool same_bytes(std::span<const u8> a, std::span<const u8> b, size_t from, size_t to) {
  return std::equal(a.begin() + long(from), a.begin() + long(to), b.begin() + long(from));
}

// Everything but lengths, identification, checksums, sequence number, flags and window.
bool same_headers(std::span<const u8> a, std::span<const u8> b, const Segment& s) {
  constexpr size_t ip = kEthernet;
  if (!same_bytes(a, b, 0, ip + 2)) return false;
  const bool addresses = s.v6 ? same_bytes(a, b, ip + 2, ip + 4) && same_bytes(a, b, ip + 6, s.tcp)
                              : same_bytes(a, b, ip + 6, ip + 10) && same_bytes(a, b, ip + 12, s.tcp);
  return addresses && same_bytes(a, b, s.tcp, s.tcp + 4) && same_bytes(a, b, s.tcp + 8, s.tcp + 13) &&
         same_bytes(a, b, s.tcp + 18, s.payload);  // ports; acknowledgement and header length; urgent pointer, options
}

// The sum of the pseudo header: addresses, protocol, length.
u16 pseudo_header(std::span<const u8> frame, const Segment& s) {
  const auto addresses = s.v6 ? frame.subspan(kEthernet + 8, 32) : frame.subspan(kEthernet + 12, 8);
  return internet_sum(addresses, u32(kTcpProtocol + frame.size() - s.tcp));
}

}  // namespace

bool join_segments(JoinedFrame& frame, std::span<const u8> next, const NetOffloads& allowed) {
  const auto first = parse(frame.segment_bytes ? std::span<const u8>() : frame.bytes), more = parse(next);
  if (!more || !allowed.checksum || !(more->v6 ? allowed.tcp6 : allowed.tcp4)) return false;
  // A frame that has grown no longer has the right lengths, but is known to be good.
  if (!frame.segment_bytes && (!first || first->v6 != more->v6 || first->payload != more->payload)) return false;
  if (frame.bytes.size() <= more->payload || next.size() <= more->payload) return false;  // without payload
  const Segment& s = *more;
  const size_t payload = frame.bytes.size() - s.payload, added = next.size() - s.payload;
  const size_t unit = frame.segment_bytes ? frame.segment_bytes : payload;
  if (payload % unit || added > unit || frame.bytes.size() + added - kEthernet > kMaxPacket) return false;
  if (frame.bytes[s.tcp + 13] != kAck || (next[s.tcp + 13] & ~kPush) != kAck) return false;
  if (!same_headers(frame.bytes, next, s) || get32(next, s.tcp + 4) != get32(frame.bytes, s.tcp + 4) + u32(payload))
    return false;
  frame.segment_bytes = u16(unit);
  frame.bytes[s.tcp + 13] = next[s.tcp + 13];
  std::copy_n(next.begin() + long(s.tcp) + 14, 2, frame.bytes.begin() + long(s.tcp) + 14);  // the newest window
  frame.bytes.insert(frame.bytes.end(), next.begin() + long(s.payload), next.end());
  return true;
}

NetFrame finish_joining(JoinedFrame& frame) {
  NetFrame result{.bytes = frame.bytes, .checked = true};
  if (!frame.segment_bytes) return result;
  const std::span<u8> bytes = frame.bytes;
  Segment s{.v6 = get16(bytes, 12) == 0x86dd, .tcp = 0, .payload = 0};
  s.tcp = kEthernet + (s.v6 ? kIpv6 : kIpv4);
  s.payload = s.tcp + 4u * (bytes[s.tcp + 12] >> 4);
  if (s.v6) {
    put16(bytes, kEthernet + 4, u32(bytes.size() - s.tcp));
  } else {
    put16(bytes, kEthernet + 2, u32(bytes.size() - kEthernet));
    put16(bytes, kEthernet + 10, 0);
    put16(bytes, kEthernet + 10, u16(~internet_sum(bytes.subspan(kEthernet, kIpv4))));
  }
  put16(bytes, s.tcp + 16, pseudo_header(bytes, s));
  result.needs_checksum = true;
  result.checksum_start = u16(s.tcp);
  result.checksum_offset = 16;
  result.segments = s.v6 ? NetFrame::Segments::tcp6 : NetFrame::Segments::tcp4;
  result.header_bytes = u16(s.payload);
  result.segment_bytes = frame.segment_bytes;
  return result;
}

}  // namespace mimus
