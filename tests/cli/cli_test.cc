// The program as its user meets it: messages, exit codes, the terminal.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "core/base/types.h"

namespace mimus {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kPatience = std::chrono::seconds(60);

struct Outcome {
  int exit_code = -1;
  std::string out, err;
};

std::vector<char*> to_argv(std::vector<std::string>& words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  return argv;
}

std::string slurp(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

int wait_for(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

std::string temporary(const char* name) { return testing::TempDir() + name + std::to_string(getpid()); }

// Runs the program with standard input from /dev/null.
Outcome run(std::vector<std::string> words) {
  words.insert(words.begin(), MIMUS_PROGRAM);
  const std::string out = temporary("out"), err = temporary("err");
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    dup2(open("/dev/null", O_RDONLY), 0);
    dup2(open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
    dup2(open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 2);
    execv(MIMUS_PROGRAM, to_argv(words).data());
    _exit(127);
  }
  Outcome outcome{wait_for(child), slurp(out), slurp(err)};
  unlink(out.c_str());
  unlink(err.c_str());
  return outcome;
}

// One line on stderr that contains all of `parts`, nothing on stdout.
void expect_message(const Outcome& outcome, int exit_code, std::initializer_list<const char*> parts) {
  EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_TRUE(outcome.err.starts_with("mimus: ")) << outcome.err;
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  for (const char* part : parts) EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
}

struct TemporaryFile {
  std::string path;
  TemporaryFile(const char* name, const std::string& contents) : path(temporary(name)) {
    std::ofstream(path, std::ios::binary) << contents;
  }
  ~TemporaryFile() { unlink(path.c_str()); }
};

// A flat M-mode program for the virt board, from its instructions.
std::string program(std::initializer_list<u32> insns) {
  std::string bytes;
  for (u32 insn : insns) bytes.append(reinterpret_cast<const char*>(&insn), 4);
  return bytes;
}

const u32 kUart = 0x100002b7;      // lui t0, 0x10000
const u32 kFinisher = 0x00100337;  // lui t1, 0x100
const u32 kSpin = 0x0000006f;      // j .

// Prints "hi" and a newline, then powers off.
std::string hello() {
  return program({kUart, kFinisher,
                  0x06800393,  // li t2, 'h'
                  0x00728023,  // sb t2, 0(t0)
                  0x06900393,  // li t2, 'i'
                  0x00728023,  // sb
                  0x00a00393,  // li t2, '\n'
                  0x00728023,  // sb
                  0x000053b7,  // lui t2, 5
                  0x55538393,  // addi t2, t2, 0x555
                  0x00732023,  // sw t2, 0(t1)
                  kSpin});
}

// Exits with code 42.
std::string failing() {
  return program({kFinisher,
                  0x002a33b7,  // lui t2, 0x2a3
                  0x33338393,  // addi t2, t2, 0x333
                  0x00732023,  // sw t2, 0(t1)
                  kSpin});
}

// Prints "a", resets the board the first time it gets here (a byte of RAM outside of the program tells), then powers
// off.
std::string resetting() {
  return program({kUart, kFinisher,
                  0x06100393,  // li t2, 'a'
                  0x00728023,  // sb t2, 0(t0)
                  0x80100e37,  // lui t3, 0x80100
                  0x020e1e13,  // slli t3, t3, 32
                  0x020e5e13,  // srli t3, t3, 32
                  0x000e0e83,  // lb t4, 0(t3)
                  0x00100f13,  // li t5, 1
                  0x01ee0023,  // sb t5, 0(t3)
                  0x000053b7,  // lui t2, 5
                  0x55538393,  // addi t2, t2, 0x555
                  0x000e9663,  // bnez t4, +12
                  0x000073b7,  // lui t2, 7
                  0x77738393,  // addi t2, t2, 0x777
                  0x00732023,  // sw t2, 0(t1)
                  kSpin});
}

TEST(Cli, VersionAndHelp) {
  EXPECT_TRUE(run({"--version"}).out.starts_with("mimus "));
  auto help = run({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_NE(help.out.find("run"), std::string::npos);
}

TEST(Cli, UsageMistakes) {
  expect_message(run({"run", "--kernal", "x"}), 2, {"--kernal", "--kernel"});
  expect_message(run({"run"}), 2, {"--kernel"});
  expect_message(run({"run", "--isa", "vax", "--kernel", "x"}), 2, {"vax", "riscv64"});
  expect_message(run({"run", "--machine", "pdp", "--kernel", "x"}), 2, {"pdp", "virt"});
  expect_message(run({"run", "--engine", "steam", "--kernel", "x"}), 2, {"steam", "interp"});
  expect_message(run({"run", "--smp", "99", "--kernel", "x"}), 2, {"99"});
  expect_message(run({"run", "--memory", "1M", "--kernel", "x"}), 2, {"--memory"});
  expect_message(run({"run", "--code-memory", "1M", "--kernel", "x"}), 2, {"--code-memory"});
  expect_message(run({"run", "--serial", "carrier-pigeon", "--kernel", "x"}), 2, {"carrier-pigeon", "stdio"});
  expect_message(run({"run", "--kernel", "x", "--dump", "soup"}), 2, {"soup", "ir"});
  expect_message(run({"run", "--kernel", "x", "--disk", "/dev/null,colour=red"}), 2, {"colour"});
  expect_message(run({"dump"}), 2, {"--bytes", "--elf"});
  expect_message(run({"dump", "--bytes", "1"}), 2, {"hex"});
}

TEST(Cli, FilesThatAreOfNoUse) {
  expect_message(run({"run", "--kernel", "/no/such/kernel"}), 1, {"kernel /no/such/kernel", "No such file"});
  expect_message(run({"run", "--kernel", "/"}), 1, {"directory"});
  TemporaryFile kernel("kernel", hello()),
      garbage("garbage",
              "\x7f"
              "ELF garbage"),
      gzip("gzip", "\x1f\x8b garbage");
  expect_message(run({"run", "--kernel", garbage.path}), 1, {"garbage", "ELF"});
  expect_message(run({"run", "--kernel", gzip.path}), 1, {"gzip"});
  expect_message(run({"run", "--kernel", kernel.path, "--initrd", "/no/initrd"}), 1, {"initrd /no/initrd"});
  expect_message(run({"run", "--kernel", kernel.path, "--firmware", "/no/fw"}), 1, {"firmware /no/fw"});
  expect_message(run({"run", "--kernel", kernel.path, "--disk", "/no/disk"}), 1, {"/no/disk"});
  expect_message(run({"run", "--kernel", kernel.path, "--serial", "file:/no/dir/x"}), 1, {"/no/dir/x"});
  expect_message(run({"run", "--kernel", kernel.path, "--dtb", garbage.path}), 1,
                 {"device tree", garbage.path.c_str()});
  expect_message(run({"dump", "--elf", garbage.path}), 1, {"garbage"});
}

TEST(Cli, GuestOutputAndExitCodes) {
  TemporaryFile kernel("hello", hello()), bad("bad", failing());
  auto outcome = run({"run", "--firmware", "none", "--kernel", kernel.path});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.out, "hi\n") << "nothing of our own on the guest's line";
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(run({"run", "--firmware", "none", "--kernel", bad.path}).exit_code, 42);
}

TEST(Cli, EveryEngineRunsIt) {
  TemporaryFile kernel("hello2", hello());
  for (const char* engine : {"interp", "baseline", "auto"})
    EXPECT_EQ(run({"run", "--engine", engine, "--firmware", "none", "--kernel", kernel.path}).out, "hi\n") << engine;
}

TEST(Cli, ResetStartsAfresh) {
  TemporaryFile kernel("resetting", resetting());
  auto outcome = run({"run", "--firmware", "none", "--kernel", kernel.path});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.out, "aa");
}

TEST(Cli, SerialFile) {
  TemporaryFile kernel("hello3", hello()), log("log", "");
  auto outcome = run({"run", "--firmware", "none", "--kernel", kernel.path, "--serial", "file:" + log.path});
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(slurp(log.path), "hi\n");
}

TEST(Cli, StatsGoToStderr) {
  TemporaryFile kernel("hello4", hello());
  auto outcome = run({"run", "--firmware", "none", "--stats", "--kernel", kernel.path});
  EXPECT_EQ(outcome.out, "hi\n");
  EXPECT_NE(outcome.err.find("blocks.translated"), std::string::npos);
}

TEST(Cli, DumpShowsTheStages) {
  auto outcome = run({"dump", "--bytes", "13051500", "--show", "decode,ir,opt", "--address", "0x1000"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* part : {"---- decode", "0x1000: 13051500  addi a0, a0, 1", "---- ir", "---- opt", "write a0"})
    EXPECT_NE(outcome.out.find(part), std::string::npos) << outcome.out;
}

TEST(Cli, Doctor) { EXPECT_NE(run({"doctor"}).out.find("host CPU"), std::string::npos); }

// The program on a terminal of its own.
class OnTerminal {
 public:
  explicit OnTerminal(std::vector<std::string> words) {
    words.insert(words.begin(), MIMUS_PROGRAM);
    EXPECT_EQ(openpty(&master_, &slave_, nullptr, nullptr, nullptr), 0);
    tcgetattr(slave_, &before_);
    child_ = fork();
    if (child_ == 0) {
      setsid();
      ioctl(slave_, TIOCSCTTY, 0);
      for (int fd : {0, 1, 2}) dup2(slave_, fd);
      execv(MIMUS_PROGRAM, to_argv(words).data());
      _exit(127);
    }
  }
  ~OnTerminal() {
    close(master_);
    close(slave_);
  }

  // Reads until `text` has come; false when it does not.
  bool expect(const std::string& text) {
    const auto deadline = Clock::now() + kPatience;
    for (;;) {
      const size_t at = seen_.find(text);
      if (at != seen_.npos) return seen_.erase(0, at + text.size()), true;
      if (Clock::now() > deadline || !read_some()) return false;
    }
  }
  void type(const std::string& text) { EXPECT_EQ(write(master_, text.data(), text.size()), ssize_t(text.size())); }
  void signal(int number) { kill(child_, number); }
  int finish() {
    int status = 0;
    while (waitpid(child_, &status, WNOHANG) == 0) read_some();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
  bool restored() const {
    termios now{};
    tcgetattr(slave_, &now);
    return now.c_lflag == before_.c_lflag && now.c_iflag == before_.c_iflag && now.c_oflag == before_.c_oflag;
  }
  // Waits until the program has taken over the keyboard; until then the terminal itself echoes.
  bool becomes_raw() const {
    const auto deadline = Clock::now() + kPatience;
    termios now{};
    do {
      usleep(1000);
      tcgetattr(slave_, &now);
    } while ((now.c_lflag & (ICANON | ECHO | ISIG)) && Clock::now() < deadline);
    return !(now.c_lflag & (ICANON | ECHO | ISIG));
  }
  const std::string& seen() const { return seen_; }

 private:
  bool read_some() {
    pollfd fd{master_, POLLIN, 0};
    if (poll(&fd, 1, 50) <= 0) return true;
    char bytes[512];
    ssize_t got = read(master_, bytes, sizeof bytes);
    if (got > 0) seen_.append(bytes, size_t(got));
    return got > 0;
  }
  int master_ = -1, slave_ = -1;
  pid_t child_ = -1;
  termios before_{};
  std::string seen_;
};

// Echoes what it reads, for ever.
std::string echo() {
  return program({kUart,
                  0x0052c303,    // lbu t1, 5(t0)
                  0x00137313,    // andi t1, t1, 1
                  0xfe030ce3,    // beqz t1, -8
                  0x0002c303,    // lbu t1, 0(t0)
                  0x00628023,    // sb t1, 0(t0)
                  0xfedff06f});  // j -20
}

TEST(Terminal, RawWhileItRunsAndRestoredByTheEscape) {
  TemporaryFile kernel("echo", echo());
  OnTerminal t({"run", "--firmware", "none", "--kernel", kernel.path});
  EXPECT_TRUE(t.becomes_raw());
  t.type("abc");
  EXPECT_TRUE(t.expect("abc"));
  t.type("\x01h");
  EXPECT_TRUE(t.expect("Ctrl-A x"));
  t.type("\x01\x01!");
  EXPECT_TRUE(t.expect("\x01!")) << "a literal Ctrl-A reaches the guest";
  t.type("\x03!");
  EXPECT_TRUE(t.expect("\x03!")) << "so does Ctrl-C";
  t.type("\x01x");
  EXPECT_EQ(t.finish(), 0);
  EXPECT_TRUE(t.restored());
}

TEST(Terminal, Monitor) {
  TemporaryFile kernel("echo2", echo());
  OnTerminal t({"run", "--firmware", "none", "--kernel", kernel.path});
  EXPECT_TRUE(t.becomes_raw());
  t.type("abc");
  EXPECT_TRUE(t.expect("abc"));
  t.type(
      "\x01"
      "c");
  EXPECT_TRUE(t.expect("(mimus) "));
  t.type("info registers\r");
  EXPECT_TRUE(t.expect("t0 0000000010000000"));
  EXPECT_TRUE(t.expect("(mimus) "));
  t.type("info devices\r");
  EXPECT_TRUE(t.expect("plic"));
  t.type("stop\r");
  EXPECT_TRUE(t.expect("stopped"));
  t.type(
      "cont\r\x01"
      "c"
      "xyz");
  EXPECT_TRUE(t.expect("xyz"));
  t.type(
      "\x01"
      "cquit\r");
  EXPECT_EQ(t.finish(), 0);
  EXPECT_TRUE(t.restored());
}

TEST(Terminal, RestoredBySignals) {
  TemporaryFile kernel("echo3", echo());
  for (int number : {SIGTERM, SIGHUP, SIGABRT, SIGSEGV}) {
    OnTerminal t({"run", "--firmware", "none", "--kernel", kernel.path});
    EXPECT_TRUE(t.becomes_raw());
    t.type("abc");
    EXPECT_TRUE(t.expect("abc"));
    t.signal(number);
    const int code = t.finish();
    EXPECT_TRUE(code == 128 + number || code == 1000 + number) << code;
    EXPECT_TRUE(t.restored()) << number;
  }
}

}  // namespace
}  // namespace mimus
