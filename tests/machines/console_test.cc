// Consoles of the host: output in batches, back-pressure, clients that come and go.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "machines/host/console/escape_filter.h"
#include "machines/host/console/open_console.h"
#include "machines/host/console/output_thread.h"

namespace mimus {
namespace {

std::span<const u8> bytes_of(std::string_view text) { return {reinterpret_cast<const u8*>(text.data()), text.size()}; }

struct Bench {
  HostClock clock;
  std::mutex lock;
  EventQueue events{clock, lock};

  // Runs events until `done` says so; the test's own limit ends it otherwise.
  template <class Done>
  void run_until(Done done) {
    while (!done()) {
      events.run_ready();
      usleep(100);
    }
  }
};

std::string read_available(int fd) {
  std::string text;
  char buffer[4096];
  pollfd p{fd, POLLIN, 0};
  while (poll(&p, 1, 0) > 0) {
    ssize_t got = read(fd, buffer, sizeof buffer);
    if (got <= 0) break;
    text.append(buffer, size_t(got));
  }
  return text;
}

TEST(OutputThread, EverythingArrivesInOrder) {
  Bench b;
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  std::string sent;
  {
    OutputThread output(fds[1], true, b.events, [] {});
    for (unsigned i = 0; i < 5000; i++) {
      const char c = char('a' + i % 26);
      EXPECT_EQ(output.write({reinterpret_cast<const u8*>(&c), 1}), 1u);
      sent += c;
    }
  }
  EXPECT_EQ(read_available(fds[0]), sent);
  close(fds[0]);
}

TEST(OutputThread, AFullReaderIsFeltAndRoomIsTold) {
  Bench b;
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  bool room = false;
  std::string received;
  const std::string chunk(10'000, 'x');
  size_t taken = 0;
  {
    OutputThread output(fds[1], true, b.events, [&] { room = true; });
    size_t last;
    while ((last = output.write(bytes_of(chunk))) == chunk.size()) taken += last;
    taken += last;
    EXPECT_GE(taken, OutputThread::kBufferBytes);
    b.run_until([&] {
      received += read_available(fds[0]);
      return room;
    });
    b.run_until([&] {
      received += read_available(fds[0]);
      return received.size() >= taken;
    });
  }
  EXPECT_EQ(received.size(), taken);
  close(fds[0]);
}

TEST(OutputThread, AReaderThatIsGoneCostsNothing) {
  Bench b;
  signal(SIGPIPE, SIG_IGN);
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  close(fds[0]);
  OutputThread output(fds[1], true, b.events, [] {});
  output.write(bytes_of("lost"));
  output.drain();
  EXPECT_EQ(output.write(bytes_of("lost too")), 8u);
}

TEST(EscapeFilter, Keys) {
  using Action = EscapeFilter::Action;
  EscapeFilter filter;
  EXPECT_EQ(filter.feed('x'), Action::pass);
  EXPECT_EQ(filter.feed(1), Action::none);
  EXPECT_EQ(filter.feed('x'), Action::quit);
  EXPECT_EQ(filter.feed(1), Action::none);
  EXPECT_EQ(filter.feed('c'), Action::monitor);
  EXPECT_EQ(filter.feed(1), Action::none);
  EXPECT_EQ(filter.feed('h'), Action::help);
  EXPECT_EQ(filter.feed(1), Action::none);
  EXPECT_EQ(filter.feed(1), Action::pass);
  EXPECT_EQ(filter.feed(1), Action::none);
  EXPECT_EQ(filter.feed('q'), Action::none);
  EXPECT_EQ(filter.feed('q'), Action::pass);
}

int connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return fd;
}

TEST(SocketConsole, KeepsOutputForTheNextClient) {
  Bench b;
  const std::string path = testing::TempDir() + "console" + std::to_string(getpid());
  auto console = open_socket_console(path, b.events).value();
  std::string typed;
  size_t room = 0;
  console->attach({.room = [&] { return room; },
                   .on_input = [&](std::span<const u8> data) { typed.append(data.begin(), data.end()); },
                   .on_writable = {}});
  EXPECT_EQ(console->write(bytes_of("early ")), 6u);
  int client = connect_to(path);
  std::string seen;
  auto see = [&](std::string_view text) {
    b.run_until([&] { return (seen += read_available(client)).ends_with(text); });
  };
  see("early ");
  console->write(bytes_of("now"));
  see("now");
  ASSERT_EQ(write(client, "abc", 3), 3);
  for (unsigned i = 0; i < 10; i++) b.events.run_ready();
  EXPECT_EQ(typed, "") << "no room";
  room = 2;
  console->resume();
  b.run_until([&] { return typed == "abc"; });
  close(client);
  for (unsigned i = 0; i < 10; i++) b.events.run_ready();
  console->write(bytes_of("between"));
  client = connect_to(path);
  seen.clear();
  see("between");
  close(client);
  console.reset();
  EXPECT_NE(access(path.c_str(), F_OK), 0) << "the socket is removed";
}

TEST(SocketConsole, AddressesThatCannotBeUsed) {
  Bench b;
  EXPECT_NE(open_socket_console("/no/such/dir/socket", b.events).error().message.find("/no/such/dir"),
            std::string::npos);
  EXPECT_EQ(open_socket_console("not a port", b.events).error().kind, Error::Kind::usage);
  EXPECT_EQ(open_socket_console("", b.events).error().kind, Error::Kind::usage);
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_EQ(listen(listener, 1), 0);
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  u16 port;
  std::memcpy(&port, reinterpret_cast<char*>(&address) + 2, 2);
  const std::string taken = std::to_string(__builtin_bswap16(port));
  EXPECT_NE(open_socket_console(taken, b.events).error().message.find(taken), std::string::npos);
  close(listener);
}

}  // namespace
}  // namespace mimus
