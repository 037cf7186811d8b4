// Cables between machines, packet capture, interfaces of the host.
#include <gtest/gtest.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "machines/host/net.h"

namespace mimus {
namespace {

using Bytes = std::vector<u8>;

// A machine without an event thread: turn() runs what is due.
struct LinkTest : ::testing::Test {
  struct End {
    HostNet net;
    std::deque<Bytes> frames;
    bool accepting = true;
  };

  LinkTest() {
    char name[] = "/tmp/mimus-link-XXXXXX";
    folder = mkdtemp(name);
  }
  ~LinkTest() override { std::filesystem::remove_all(folder); }

  std::unique_ptr<End> open(const std::string& spec) {
    auto end = std::make_unique<End>();
    auto opened = open_net(spec, events, clock);
    EXPECT_TRUE(opened) << opened.error().message;
    if (!opened) return nullptr;
    end->net = std::move(*opened);
    end->net.endpoint->attach([end = end.get()](const NetFrame& frame) {
      if (end->accepting) end->frames.emplace_back(frame.bytes.begin(), frame.bytes.end());
      return end->accepting;
    });
    return end;
  }
  std::string error(const std::string& spec) {
    auto opened = open_net(spec, events, clock);
    return opened ? "" : opened.error().message;
  }
  void turn() {
    for (int i = 0; i < 3; ++i) events.run_ready();
  }

  HostClock clock;
  std::mutex machine_lock;
  EventQueue events{clock, machine_lock};
  std::string folder;
};

TEST_F(LinkTest, FramesCrossBothWays) {
  const std::string spec = "link=" + folder + "/cable";
  auto a = open(spec);
  a->net.endpoint->send({.bytes = Bytes(60, 1)});  // nobody there yet: lost
  auto b = open(spec);
  EXPECT_FALSE(a->net.mac);
  ASSERT_TRUE(b->net.mac);
  EXPECT_NE(error(spec).find("both ends are in use"), std::string::npos);
  a->net.endpoint->send({.bytes = Bytes(60, 2)});
  b->net.endpoint->send({.bytes = Bytes(9000, 3)});
  turn();
  EXPECT_EQ(b->frames, (std::deque<Bytes>{Bytes(60, 2)}));
  EXPECT_EQ(a->frames, (std::deque<Bytes>{Bytes(9000, 3)}));
}

TEST_F(LinkTest, AnEndMayGoAndComeBack) {
  const std::string spec = "link=" + folder + "/cable";
  auto a = open(spec);
  auto b = open(spec);
  a->net.endpoint->send({.bytes = Bytes(60, 1)});
  turn();
  b.reset();
  a->net.endpoint->send({.bytes = Bytes(60, 2)});
  turn();
  b = open(spec);
  a->net.endpoint->send({.bytes = Bytes(60, 3)});
  b->net.endpoint->send({.bytes = Bytes(60, 4)});
  turn();
  EXPECT_EQ(b->frames, (std::deque<Bytes>{Bytes(60, 3)}));
  EXPECT_EQ(a->frames, (std::deque<Bytes>{Bytes(60, 4)}));
}

TEST_F(LinkTest, SocketsOfACrashedMachineAreTakenOver) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (folder + "/cable.1").copy(address.sun_path, sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  close(fd);
  auto a = open("link=" + folder + "/cable");
  ASSERT_TRUE(a);
  EXPECT_FALSE(a->net.mac);  // the first end
}

TEST_F(LinkTest, NothingIsLostWhileTheGuestHasNoBuffers) {
  const std::string spec = "link=" + folder + "/cable";
  auto a = open(spec);
  auto b = open(spec);
  b->accepting = false;
  for (u8 i = 0; i < 200; ++i) a->net.endpoint->send({.bytes = Bytes(1514, i)});
  turn();
  EXPECT_TRUE(b->frames.empty());
  b->accepting = true;
  b->net.endpoint->ready();
  for (int i = 0; i < 200 && b->frames.size() < 200; ++i) turn();
  ASSERT_EQ(b->frames.size(), 200u);
  for (u8 i = 0; i < 200; ++i) EXPECT_EQ(b->frames[i], Bytes(1514, i));
}

TEST_F(LinkTest, SocketsByName) {
  auto a = open("link=" + folder + "/a,peer=" + folder + "/b");
  auto b = open("link=" + folder + "/b,peer=" + folder + "/a,mac=52:54:00:00:00:02");
  EXPECT_EQ(b->net.mac, (MacAddress{0x52, 0x54, 0, 0, 0, 2}));
  b->net.endpoint->send({.bytes = Bytes(60, 5)});
  turn();
  EXPECT_EQ(a->frames, (std::deque<Bytes>{Bytes(60, 5)}));
  EXPECT_NE(error("link=" + folder + "/a,peer=" + folder + "/c").find("is in use by another machine"),
            std::string::npos);
}

u32 get32(const Bytes& bytes, size_t at) {
  u32 value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

TEST_F(LinkTest, CaptureFile) {
  const std::string spec = "link=" + folder + "/cable", path = folder + "/net.pcap";
  const u64 before = clock.wall_clock_ns();
  auto a = open(spec + ",pcap=" + path);
  auto b = open(spec);
  a->net.endpoint->send({.bytes = Bytes(60, 1)});
  b->net.endpoint->send({.bytes = Bytes(70, 2)});
  turn();
  // The file is whole while the machine still runs.
  std::ifstream file(path, std::ios::binary);
  const Bytes bytes((std::istreambuf_iterator<char>(file)), {});
  ASSERT_EQ(bytes.size(), 24u + 16 + 60 + 16 + 70);
  EXPECT_EQ(get32(bytes, 0), 0xa1b23c4du);
  EXPECT_EQ(get32(bytes, 4), 0x00040002u);
  EXPECT_EQ(get32(bytes, 20), 1u);  // Ethernet
  const u64 stamp = u64{get32(bytes, 24)} * 1'000'000'000 + get32(bytes, 28);
  EXPECT_GE(stamp, before);
  EXPECT_LE(stamp, clock.wall_clock_ns());
  EXPECT_EQ(get32(bytes, 32), 60u);
  EXPECT_EQ(get32(bytes, 36), 60u);
  EXPECT_EQ(bytes[40], 1);
  EXPECT_EQ(get32(bytes, 24 + 76 + 8), 70u);
  EXPECT_EQ(bytes.back(), 2);
  EXPECT_NE(error(spec + "2,pcap=/nowhere/file").find("/nowhere/file: No such file"), std::string::npos);
}

TEST_F(LinkTest, InterfaceOfTheHost) {
  const std::string name = "mimus" + std::to_string(getpid() % 100000);
  auto opened = open_net("tap=" + name, events, clock);
  if (!opened) {
    EXPECT_EQ(opened.error().kind, Error::Kind::failure);
    EXPECT_NE(opened.error().message.find("--net tap=" + name + ": the interface"), std::string::npos)
        << opened.error().message;
    GTEST_SKIP() << "no TAP interfaces here: " << opened.error().message;
  }
  EXPECT_NE(if_nametoindex(name.c_str()), 0u);
  EXPECT_NE(error("tap=" + name).find("is in use by another program"), std::string::npos);
  const NetOffloads takes = opened->endpoint->takes();
  EXPECT_TRUE(takes.checksum && takes.tcp4 && takes.tcp6);
  opened->endpoint->allow({true, true, true});
  opened->endpoint->send({.bytes = Bytes(60, 1)});  // the interface is down: lost
  turn();
  opened->endpoint.reset();
  EXPECT_EQ(if_nametoindex(name.c_str()), 0u);
  EXPECT_NE(error("tap=" + name + ",bridge=no-such-br").find("there is no bridge"), std::string::npos);
}

}  // namespace
}  // namespace mimus
