// The NAT: options, DHCP, ARP, datagrams both ways through forwards and to the host's loopback. The guest is a few
// hand-made frames.
#include "machines/host/net.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/internet_sum.h"
#include "machines/host/net/user_net.h"

namespace mimus {
namespace {

using Bytes = std::vector<u8>;

constexpr u8 kGuestMac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
constexpr auto kPatience = std::chrono::seconds(20);

void put16(Bytes& bytes, u32 value) { bytes.insert(bytes.end(), {u8(value >> 8), u8(value)}); }
void put32(Bytes& bytes, u32 value) {
  put16(bytes, value >> 16);
  put16(bytes, value);
}
u16 get16(const Bytes& bytes, size_t at) { return u16(bytes[at] << 8 | bytes[at + 1]); }
u32 get32(const Bytes& bytes, size_t at) { return u32(get16(bytes, at)) << 16 | get16(bytes, at + 2); }

Bytes ethernet(const Bytes& target, u16 type, const Bytes& payload) {
  Bytes frame = target;
  frame.insert(frame.end(), std::begin(kGuestMac), std::end(kGuestMac));
  put16(frame, type);
  frame.insert(frame.end(), payload.begin(), payload.end());
  return frame;
}

Bytes udp(Ipv4 from, u16 from_port, Ipv4 to, u16 to_port, const Bytes& payload) {
  Bytes packet;
  put16(packet, 0x4500);
  put16(packet, u32(28 + payload.size()));
  put32(packet, 0);
  put16(packet, 64 << 8 | 17);
  put16(packet, 0);
  put32(packet, from);
  put32(packet, to);
  u32 sum = 0;
  for (size_t i = 0; i < 20; i += 2) sum += get16(packet, i);
  sum = ~((sum & 0xffff) + (sum >> 16));
  packet[10] = u8(sum >> 8);
  packet[11] = u8(sum);
  put16(packet, from_port);
  put16(packet, to_port);
  put16(packet, u32(8 + payload.size()));
  put16(packet, 0);  // no checksum
  packet.insert(packet.end(), payload.begin(), payload.end());
  return packet;
}

Bytes arp(u16 operation, Ipv4 sender, const Bytes& target_mac, Ipv4 target) {
  Bytes packet;
  put32(packet, 0x00010800);
  put32(packet, 0x06040000u | operation);
  packet.insert(packet.end(), std::begin(kGuestMac), std::end(kGuestMac));
  put32(packet, sender);
  packet.insert(packet.end(), target_mac.begin(), target_mac.end());
  put32(packet, target);
  return packet;
}

// A UDP socket of the host on 127.0.0.1.
struct HostSocket {
  HostSocket() : fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(0x7f000001);
    EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    socklen_t length = sizeof address;
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
    port = ntohs(address.sin_port);
  }
  ~HostSocket() { close(fd); }
  std::string receive(sockaddr_in* from = nullptr) {
    pollfd poll{fd, POLLIN, 0};
    if (::poll(&poll, 1, 20000) != 1) return "(nothing came)";
    char text[100];
    socklen_t length = sizeof *from;
    const ssize_t count =
        recvfrom(fd, text, sizeof text, 0, reinterpret_cast<sockaddr*>(from), from ? &length : nullptr);
    return {text, size_t(std::max<ssize_t>(count, 0))};
  }
  void send(std::string text, sockaddr_in to) {
    sendto(fd, text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to);
  }
  void send(std::string text, u16 to_port) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(0x7f000001);
    to.sin_port = htons(to_port);
    send(std::move(text), to);
  }
  int fd;
  u16 port;
};

u16 free_port() { return HostSocket().port; }

struct NetTest : ::testing::Test {
  NetTest() : loop([this] { events.run(); }) {}
  ~NetTest() override {
    {
      std::scoped_lock guard(machine_lock);
      net.reset();
    }
    events.stop();
    loop.join();
  }
  void open(const std::string& spec) {
    std::scoped_lock guard(machine_lock);
    auto opened = open_net(spec, events, clock);
    ASSERT_TRUE(opened) << opened.error().message;
    net = std::move(opened->endpoint);
    net->attach([this](const NetFrame& frame) {
      if (!accepting) return false;
      frames.emplace_back(frame.bytes.begin(), frame.bytes.end());
      arrived.notify_all();
      return true;
    });
  }
  std::string error(const std::string& spec, Error::Kind kind = Error::Kind::usage) {
    std::scoped_lock guard(machine_lock);
    auto opened = open_net(spec, events, clock);
    EXPECT_FALSE(opened);
    if (opened) return "";
    EXPECT_EQ(opened.error().kind, kind);
    return opened.error().message;
  }
  void send(const Bytes& frame) {
    std::scoped_lock guard(machine_lock);
    net->send({.bytes = frame});
  }
  // The next frame that fits, answering ARP requests for the guest on the way.
  std::optional<Bytes> await(const std::function<bool(const Bytes&)>& fits) {
    std::unique_lock guard(machine_lock);
    for (;;) {
      if (!arrived.wait_for(guard, kPatience, [&] { return !frames.empty(); })) return {};
      const Bytes frame = frames.front();
      frames.pop_front();
      if (fits(frame)) return frame;
      if (get16(frame, 12) == 0x0806 && get16(frame, 20) == 1 && get32(frame, 38) == 0x0a00020f)
        net->send({.bytes = ethernet({frame.begin() + 6, frame.begin() + 12}, 0x0806,
                                     arp(2, 0x0a00020f, {frame.begin() + 22, frame.begin() + 28}, get32(frame, 28)))});
    }
  }
  static bool is_udp(const Bytes& frame, u16 to_port) {
    return frame.size() > 42 && get16(frame, 12) == 0x0800 && frame[23] == 17 && get16(frame, 36) == to_port;
  }
  static std::string payload(const Bytes& frame) { return {frame.begin() + 42, frame.begin() + 34 + get16(frame, 38)}; }

  HostClock clock;
  std::mutex machine_lock;
  EventQueue events{clock, machine_lock};
  std::deque<Bytes> frames;
  std::condition_variable arrived;
  bool accepting = true;
  std::unique_ptr<NetEndpoint> net;
  std::thread loop;
};

TEST_F(NetTest, None) {
  auto none = open_net("none", events, clock);
  ASSERT_TRUE(none);
  EXPECT_EQ(none->endpoint, nullptr);
}

TEST_F(NetTest, DhcpGivesTheAddress) {
  open("user");
  Bytes bootp = {1, 1, 6, 0};
  put32(bootp, 0x1234);
  bootp.resize(28);
  bootp.insert(bootp.end(), std::begin(kGuestMac), std::end(kGuestMac));
  bootp.resize(236);
  for (u8 byte : {0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255}) bootp.push_back(byte);  // DHCPDISCOVER
  send(ethernet(Bytes(6, 0xff), 0x0800, udp(0, 68, 0xffffffff, 67, bootp)));
  const auto offer = await([](const Bytes& frame) { return is_udp(frame, 68); });
  ASSERT_TRUE(offer);
  EXPECT_EQ(get32(*offer, 42 + 16), 0x0a00020fu);
}

TEST_F(NetTest, FramesWaitUntilTheGuestHasBuffers) {
  open("user");
  {
    std::scoped_lock guard(machine_lock);
    accepting = false;
  }
  send(ethernet(Bytes(6, 0xff), 0x0806, arp(1, 0x0a00020f, Bytes(6), 0x0a000202)));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  {
    std::scoped_lock guard(machine_lock);
    EXPECT_TRUE(frames.empty());
    accepting = true;
    net->ready();
  }
  const auto reply = await([](const Bytes& frame) { return get16(frame, 12) == 0x0806 && get16(frame, 20) == 2; });
  ASSERT_TRUE(reply);
  EXPECT_EQ(get32(*reply, 28), 0x0a000202u);
}

TEST_F(NetTest, GuestReachesTheHostsLoopback) {
  HostSocket server;
  open("user");
  send(ethernet({0x52, 0x55, 10, 0, 2, 2}, 0x0800, udp(0x0a00020f, 4000, 0x0a000202, server.port, {'h', 'i'})));
  sockaddr_in from{};
  EXPECT_EQ(server.receive(&from), "hi");
  server.send("answer", from);
  const auto answer = await([](const Bytes& frame) { return is_udp(frame, 4000); });
  ASSERT_TRUE(answer);
  EXPECT_EQ(payload(*answer), "answer");
}

TEST_F(NetTest, HostReachesAForwardedPort) {
  const u16 port = free_port();
  open("user,hostfwd=udp::" + std::to_string(port) + "-:7777");
  HostSocket client;
  client.send("knock", port);
  const auto knock = await([](const Bytes& frame) { return is_udp(frame, 7777); });
  ASSERT_TRUE(knock);
  EXPECT_EQ(payload(*knock), "knock");
  send(ethernet({knock->begin() + 6, knock->begin() + 12}, 0x0800,
                udp(0x0a00020f, 7777, get32(*knock, 26), get16(*knock, 34), {'w', 'h', 'o', '?'})));
  EXPECT_EQ(client.receive(), "who?");
}

TEST_F(NetTest, TcpForwardOpensAConnectionToTheGuest) {
  const u16 port = free_port();
  open("user,hostfwd=tcp:127.0.0.1:" + std::to_string(port) + "-10.0.2.15:22");
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(0x7f000001);
  to.sin_port = htons(port);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  const auto syn = await([](const Bytes& f) { return f.size() > 53 && get16(f, 12) == 0x0800 && f[23] == 6; });
  ASSERT_TRUE(syn);
  EXPECT_EQ(get16(*syn, 36), 22);
  EXPECT_EQ((*syn)[47] & 0x3f, 2);
  close(fd);
}

// Router solicitation and advertisement (RFC 4861, 4.1 and 4.2): the prefix for the guest's own address.
TEST_F(NetTest, Ipv6RouterAdvertisesThePrefix) {
  open("user");
  Bytes packet;
  put32(packet, 0x60000000);
  put32(packet, 8 << 16 | 58 << 8 | 255);
  for (u32 word : {0xfe800000u, 0u, 0x505400ffu, 0xfe123456u, 0xff020000u, 0u, 0u, 2u}) put32(packet, word);
  put32(packet, 133u << 24);
  put32(packet, 0);
  const u16 sum = u16(~internet_sum(std::span(packet).subspan(8), 8 + 58));
  packet[42] = u8(sum >> 8);
  packet[43] = u8(sum);
  send(ethernet({0x33, 0x33, 0, 0, 0, 2}, 0x86dd, packet));
  const auto advertisement =
      await([](const Bytes& f) { return f.size() > 60 && get16(f, 12) == 0x86dd && f[20] == 58 && f[54] == 134; });
  ASSERT_TRUE(advertisement);
  const Bytes prefix = {0xfe, 0xc0, 0, 0, 0, 0, 0, 0};
  EXPECT_NE(std::search(advertisement->begin() + 54, advertisement->end(), prefix.begin(), prefix.end()),
            advertisement->end());
}

TEST_F(NetTest, PortInUse) {
  HostSocket taken;
  const std::string port = std::to_string(taken.port);
  EXPECT_EQ(
      error("user,hostfwd=udp::" + port + "-:53", Error::Kind::failure),
      "--net user: udp port 127.0.0.1:" + port + " of the host is in use by another program; choose another port");
  const std::string other = std::to_string(free_port());
  open("user,hostfwd=tcp::" + other + "-:22");
  EXPECT_EQ(
      error("user,hostfwd=tcp::" + other + "-:22", Error::Kind::failure),
      "--net user: tcp port 127.0.0.1:" + other + " of the host is in use by another program; choose another port");
}

TEST_F(NetTest, MessagesForUsers) {
  const auto expect = [&](const std::string& spec, const std::string& part) {
    const std::string message = error(spec);
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  expect("bridge", "there are: user");
  expect("tap", "there are: user, tap=NAME");
  expect("user=1", "there are: user, tap=NAME");
  expect("tap=much-too-long-a-name", "not a name of an interface");
  expect("link=" + std::string(200, 'x'), "too long");
  expect("user,mac=52:54:00:12:34", "is not an Ethernet address");
  expect("user,mac=53:54:00:12:34:56", "is a group's address");
  expect("user,mtu=9000", "unknown option 'mtu'; there are: mac, pcap, hostfwd, restrict");
  expect("user,hostfwd=2222", "hostfwd=2222: it has the form");
  expect("user,hostfwd=sctp::1-:1", "'sctp' is neither tcp nor udp");
  expect("user,hostfwd=tcp::70000-:22", "'70000' is not a port");
  expect("user,hostfwd=tcp::2222-:0", "'0' is not a port");
  expect("user,hostfwd=tcp:localhost:2222-:22", "'localhost' is not an IPv4 address");
  expect("user,restrict=perhaps", "on or off");
}

}  // namespace
}  // namespace mimus
