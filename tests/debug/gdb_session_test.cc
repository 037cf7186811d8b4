// Sessions of the GDB remote protocol against a target that only remembers.
#include <gtest/gtest.h>

#include <csignal>

#include "machines/debug/gdb_session.h"
#include "machines/debug/gdb_signals.h"
#include "tests/debug/gdb_fake_target.h"

namespace mimus::gdb {
namespace {

class GdbSession : public testing::Test {
 protected:
  void SetUp() override { ask("QStartNoAckMode"); }
  // The payload of the answer; "none" when there is no answer.
  std::string ask(std::string_view payload) {
    std::string out;
    session.receive(frame(payload), out);
    return answer(out);
  }
  static std::string answer(const std::string& out) {
    PacketReader reader;
    std::string_view rest = out;
    return reader.next(rest) == PacketReader::Kind::packet ? reader.payload() : "none";
  }
  std::string stop_with(const Stop& stop) {
    std::string out;
    target.stop = stop;
    session.target_changed(out);
    return answer(out);
  }

  FakeTarget target;
  Session session{target, {Stop::Kind::signal, FakeTarget::kFirst, SIGTRAP, 0, 0}};
};

TEST(GdbPacket, FramesAreReadBack) {
  std::string all;
  for (int i = 0; i < 256; i++) all += char(i);
  const std::string framed = frame(all);
  for (size_t cut = 0; cut <= framed.size(); cut++) {
    PacketReader reader;
    std::string_view first = std::string_view(framed).substr(0, cut), second = std::string_view(framed).substr(cut);
    auto kind = reader.next(first);
    if (kind == PacketReader::Kind::none) kind = reader.next(second);
    ASSERT_EQ(kind, PacketReader::Kind::packet) << cut;
    EXPECT_EQ(reader.payload(), all);
  }
}

TEST(GdbPacket, DamageIsSeen) {
  PacketReader reader;
  for (std::string_view bytes : {"$g#68", "$g#6x", "$#zz"}) EXPECT_EQ(reader.next(bytes), PacketReader::Kind::damaged);
  const std::string large = frame(std::string(kPacketBytes + 1, 'x'));
  std::string_view rest = large;
  EXPECT_EQ(reader.next(rest), PacketReader::Kind::damaged);
  rest = "+\x03";
  EXPECT_EQ(reader.next(rest), PacketReader::Kind::interrupt);
}

TEST(GdbPacket, Hexadecimal) {
  EXPECT_EQ(from_hex("00fFx"), std::nullopt);
  EXPECT_EQ(from_hex("0fF0"), "\x0f\xf0");
  std::string_view text = "12345678901234567";
  EXPECT_EQ(take_number(text), std::nullopt);
  text = "10,";
  EXPECT_EQ(take_number(text), 16);
  EXPECT_EQ(text, ",");
}

TEST(GdbSignals, ThereAndBack) {
  for (int signal = 1; signal <= 64; signal++) {
    if (signal == SIGSTKFLT) continue;  // GDB has no number for it
    EXPECT_EQ(from_gdb_signal(to_gdb_signal(signal)), signal);
  }
  EXPECT_EQ(to_gdb_signal(SIGUSR1), 30);
  EXPECT_EQ(from_gdb_signal(0x90), 0);
}

TEST_F(GdbSession, FirstStop) {
  target.hart(FakeTarget::kFirst).pc = 0x1234;
  EXPECT_TRUE(ask("?").starts_with("T05thread:7;"));
  EXPECT_NE(ask("?").find("20:3412000000000000;"), std::string::npos);
}

TEST_F(GdbSession, Registers) {
  auto& hart = target.hart(FakeTarget::kSecond);
  hart.x[2] = 0x55, hart.f[0] = 0x66;
  EXPECT_EQ(ask("Hg8"), "OK");
  EXPECT_EQ(ask("p0"), "0000000000000000");
  EXPECT_EQ(ask("p2"), "5500000000000000");
  EXPECT_EQ(ask("p21"), "6600000000000000");
  EXPECT_EQ(ask("P2=0100000000000080"), "OK");
  EXPECT_EQ(hart.x[2], 0x8000'0000'0000'0001);
  EXPECT_EQ(ask("P2=01"), "E01");
  EXPECT_EQ(ask("p1000"), "E01");
  EXPECT_EQ(ask("P43=e1000000"), "OK");  // fcsr: rounding mode 7, flag NX
  EXPECT_EQ(hart.frm, 7);
  EXPECT_EQ(ask("p43"), "e1000000");
  const std::string all = ask("g");
  EXPECT_EQ(all.size(), 2 * (33 * 8 + 32 * 8 + 3 * 4));
  hart.x[2] = 0;
  EXPECT_EQ(ask("G" + all), "OK");
  EXPECT_EQ(hart.x[2], 0x8000'0000'0000'0001);
  EXPECT_EQ(ask("Hg99"), "E03");
}

TEST_F(GdbSession, DescriptionNamesEveryRegister) {
  const std::string text = ask("qXfer:features:read:target.xml:0,10000");
  EXPECT_TRUE(text.starts_with("l<?xml"));
  for (const char* name : {"\"zero\"", "\"sp\"", "\"pc\"", "\"ft11\"", "\"fcsr\""})
    EXPECT_NE(text.find(name), std::string::npos) << name;
  EXPECT_EQ(ask("qXfer:features:read:target.xml:0,10")[0], 'm');
  EXPECT_EQ(ask("qXfer:features:read:target.xml:ffffff,10"), "E01");
}

TEST_F(GdbSession, Memory) {
  EXPECT_EQ(ask("M10000,2:abcd"), "OK");
  EXPECT_EQ(ask("m10000,2"), "abcd");
  EXPECT_EQ(ask(std::string("X10ffe,2:\x01\x00", 11)), "OK");
  EXPECT_EQ(ask("m10ffe,8"), "0100");  // as far as there is memory
  EXPECT_EQ(ask("m20000,1"), "E0e");
  EXPECT_EQ(ask("M10fff,2:abcd"), "E0e");
  EXPECT_EQ(ask("M10000,2:ab"), "E01");
  EXPECT_EQ(ask("mffffffffffffffff,ffffffffffffffff"), "E0e");
}

TEST_F(GdbSession, ThreadsRunByTheirActions) {
  EXPECT_EQ(ask("qfThreadInfo"), "m7,8");
  EXPECT_EQ(ask("qThreadExtraInfo,8"), to_hex("other"));
  EXPECT_EQ(ask("vCont;s:8;C1e:7"), "none");
  EXPECT_EQ(target.resumed[8].kind, Action::Kind::step);
  EXPECT_EQ(target.resumed[7].kind, Action::Kind::run);
  EXPECT_EQ(target.resumed[7].signal, SIGUSR1);
  EXPECT_EQ(ask("g"), "E01");  // it runs
  EXPECT_TRUE(stop_with({Stop::Kind::breakpoint, 8, SIGTRAP, 0, 0}).starts_with("T05thread:8;swbreak:;"));
  EXPECT_EQ(ask("vCont;c:7"), "none");
  EXPECT_EQ(target.resumed[8].kind, Action::Kind::stay);
}

TEST_F(GdbSession, InterruptOnlyWhileItRuns) {
  std::string out;
  session.receive("\x03", out);
  EXPECT_TRUE(target.log.empty());
  ask("c");
  session.receive("\x03", out);
  EXPECT_EQ(target.log.back(), "interrupt");
}

TEST_F(GdbSession, Ends) {
  ask("vCont;c");
  EXPECT_EQ(stop_with({Stop::Kind::exited, 7, 0, 3, 0}), "W03");
  EXPECT_TRUE(session.over());
}

TEST_F(GdbSession, Detach) {
  EXPECT_EQ(ask("D"), "OK");
  EXPECT_EQ(target.log.back(), "detach");
  EXPECT_TRUE(session.over());
}

TEST_F(GdbSession, UnknownAndMalformedPackets) {
  for (const char* packet : {"qCRC:0,1", "vMustReplyEmpty", "Z2,10000,4", "Z9,1,1", "vFile:unlink:00", "!"})
    EXPECT_EQ(ask(packet), "") << packet;
  for (const char* packet : {"m", "m1", "M1,1", "P", "p", "Hx", "vCont", "vCont;q", "C", "Z0", "qXfer:auxv:read::0"})
    EXPECT_EQ(ask(packet), "E01") << packet;
  EXPECT_EQ(ask("vFile:open:2f78,0,0"), "F-1,2");
  EXPECT_EQ(ask("vFile:pread:3,10,0"), "F-1,9");
}

}  // namespace
}  // namespace mimus::gdb
