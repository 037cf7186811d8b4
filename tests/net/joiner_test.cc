// Joining of TCP segments: what becomes one packet, what stays apart, and that the result has the right headers.
#include "machines/host/net/segment_joiner.h"

#include <gtest/gtest.h>

#include "core/base/internet_sum.h"

namespace mimus {
namespace {

using Bytes = std::vector<u8>;
constexpr NetOffloads kAll{true, true, true};

void put16(Bytes& bytes, size_t at, u32 value) {
  bytes[at] = u8(value >> 8);
  bytes[at + 1] = u8(value);
}

struct Shape {
  bool v6 = false;
  u32 sequence = 1000;
  size_t payload = 100;
  u8 flags = 0x10;  // ACK
  u16 window = 500;
  u8 fill = 1;
};

Bytes segment(const Shape& shape) {
  const size_t ip = 14, tcp = ip + (shape.v6 ? 40 : 20);
  Bytes frame(tcp + 20 + shape.payload, shape.fill);
  std::fill(frame.begin(), frame.begin() + long(tcp) + 20, u8{0});
  put16(frame, 12, shape.v6 ? 0x86dd : 0x0800);
  if (shape.v6) {
    frame[ip] = 0x60;
    put16(frame, ip + 4, u32(20 + shape.payload));
    frame[ip + 6] = 6;
    frame[ip + 23] = 1;
    frame[ip + 39] = 2;
  } else {
    frame[ip] = 0x45;
    put16(frame, ip + 2, u32(40 + shape.payload));
    frame[ip + 8] = 64;
    frame[ip + 9] = 6;
    put16(frame, ip + 14, 1);
    put16(frame, ip + 18, 2);
  }
  put16(frame, tcp, 80);
  put16(frame, tcp + 2, 4000);
  put16(frame, tcp + 4, shape.sequence >> 16);
  put16(frame, tcp + 6, shape.sequence);
  frame[tcp + 12] = 5 << 4;
  frame[tcp + 13] = shape.flags;
  put16(frame, tcp + 14, shape.window);
  return frame;
}

class Joining : public ::testing::TestWithParam<bool> {
 protected:
  Shape next(u32 sequence, size_t payload) const {
    return {.v6 = GetParam(), .sequence = sequence, .payload = payload};
  }
};
INSTANTIATE_TEST_SUITE_P(BothVersions, Joining, ::testing::Bool());

TEST_P(Joining, ConsecutiveSegmentsBecomeOnePacket) {
  const size_t tcp = GetParam() ? 54 : 34;
  JoinedFrame frame{segment(next(1000, 100))};
  Shape second = next(1100, 100), last = next(1200, 30);
  second.window = 700;
  last.flags = 0x18;  // PSH
  last.fill = 9;
  EXPECT_TRUE(join_segments(frame, segment(second), kAll));
  EXPECT_TRUE(join_segments(frame, segment(last), kAll));
  EXPECT_FALSE(join_segments(frame, segment(next(1230, 30)), kAll));  // after the end that PSH marks
  const NetFrame result = finish_joining(frame);
  ASSERT_EQ(result.bytes.size(), tcp + 20 + 230);
  EXPECT_EQ(result.segments, GetParam() ? NetFrame::Segments::tcp6 : NetFrame::Segments::tcp4);
  EXPECT_EQ(result.segment_bytes, 100);
  EXPECT_EQ(result.header_bytes, tcp + 20);
  EXPECT_TRUE(result.needs_checksum);
  EXPECT_EQ(result.checksum_start, tcp);
  EXPECT_EQ(result.checksum_offset, 16);
  EXPECT_EQ(result.bytes.back(), 9);
  EXPECT_EQ(result.bytes[tcp + 13], 0x18);
  if (GetParam()) {
    EXPECT_EQ(result.bytes[18] << 8 | result.bytes[19], 20 + 230);
  } else {
    EXPECT_EQ(result.bytes[16] << 8 | result.bytes[17], 40 + 230);
    EXPECT_EQ(internet_sum(result.bytes.subspan(14, 20)), 0xffff);
  }
  const u32 pseudo = u32(1 + 2 + 6 + 20 + 230);  // addresses of one set bit each
  EXPECT_EQ(u32(result.bytes[tcp + 16] << 8 | result.bytes[tcp + 17]), pseudo);
}

TEST_P(Joining, DifferentSegmentsStayApart) {
  const JoinedFrame first{segment(next(1000, 100))};
  const auto refused = [&](const Bytes& bytes, const NetOffloads& allowed = kAll) {
    JoinedFrame frame = first;
    return !join_segments(frame, bytes, allowed) && frame.bytes == first.bytes && !finish_joining(frame).needs_checksum;
  };
  const size_t tcp = GetParam() ? 54 : 34;
  const Bytes good = segment(next(1100, 100));
  EXPECT_FALSE(refused(good));
  EXPECT_TRUE(refused(good, {}));
  EXPECT_TRUE(refused(good, {.checksum = true, .tcp4 = GetParam(), .tcp6 = !GetParam()}));
  EXPECT_TRUE(refused(segment(next(1101, 100))));  // a gap
  EXPECT_TRUE(refused(segment(next(1100, 101))));  // longer than the ones before
  EXPECT_TRUE(refused(segment(next(1100, 0))));
  for (u8 flags : {0x11, 0x12, 0x14, 0x30}) {  // FIN, SYN, RST, URG
    Shape shape = next(1100, 100);
    shape.flags = flags;
    EXPECT_TRUE(refused(segment(shape))) << int(flags);
  }
  // Another source, port, acknowledgement, protocol; too short to be anything.
  for (size_t at : {size_t{6}, tcp - 1, tcp, tcp + 8, size_t{GetParam() ? 20u : 23u}}) {
    Bytes other = good;
    other[at] ^= 0x40;
    EXPECT_TRUE(refused(other)) << at;
  }
  for (size_t length : {size_t{0}, size_t{13}, size_t{30}, tcp + 10, good.size() - 1})
    EXPECT_TRUE(refused(Bytes(good.begin(), good.begin() + long(length)))) << length;
}

TEST_P(Joining, NothingGrowsBeyondAnIpPacket) {
  JoinedFrame frame{segment(next(0, 1400))};
  u32 sequence = 1400;
  while (join_segments(frame, segment(next(sequence, 1400)), kAll)) sequence += 1400;
  EXPECT_LE(frame.bytes.size(), 14 + 65535u);
  EXPECT_GT(frame.bytes.size(), 14 + 65535u - 1500);
}

TEST(InternetSum, Rfc1071) {
  const u8 example[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(internet_sum(example), 0xddf2);
  EXPECT_EQ(internet_sum(std::span(example).first(7)), 0xddf2 - 0xf7);
  EXPECT_EQ(internet_sum(std::span(example).subspan(2), 0x0001), 0xddf2);
  EXPECT_EQ(internet_sum({}), 0);
}

}  // namespace
}  // namespace mimus
