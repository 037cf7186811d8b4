#include "machines/host/console/terminal.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

namespace mimus {
namespace {

// The terminal's mode belongs to the process, and signal handlers can reach nothing but globals.
termios g_saved;
std::atomic<int> g_raw_fd{-1};

void restore() {
  const int fd = g_raw_fd.exchange(-1);
  if (fd >= 0) tcsetattr(fd, TCSADRAIN, &g_saved);
}

void on_fatal_signal(int signal) {
  const int fd = g_raw_fd.exchange(-1);
  if (fd >= 0) tcsetattr(fd, TCSANOW, &g_saved);
  raise(signal);  // SA_RESETHAND: the default action this time
}

// Signals that would end the process and that nobody handles yet.
void catch_fatal_signals() {
  for (int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS, SIGXCPU}) {
    struct sigaction current{};
    sigaction(signal, nullptr, &current);
    if (current.sa_handler != SIG_DFL || (current.sa_flags & SA_SIGINFO)) continue;
    struct sigaction action{};
    action.sa_handler = on_fatal_signal;
    action.sa_flags = SA_RESETHAND | SA_NODEFER | SA_ONSTACK;
    sigaction(signal, &action, nullptr);
  }
}

}  // namespace

std::unique_ptr<RawTerminal> RawTerminal::enter(int fd) {
  if (!isatty(fd) || tcgetpgrp(fd) != getpgrp()) return nullptr;
  if (tcgetattr(fd, &g_saved) < 0) return nullptr;
  static const bool once [[maybe_unused]] = (std::atexit(restore), catch_fatal_signals(), true);
  std::unique_ptr<RawTerminal> terminal(new RawTerminal(fd));
  terminal->resume();
  return terminal;
}

RawTerminal::~RawTerminal() { restore(); }

void RawTerminal::suspend() { restore(); }

void RawTerminal::resume() {
  termios raw = g_saved;
  cfmakeraw(&raw);
  g_raw_fd = fd_;
  tcsetattr(fd_, TCSADRAIN, &raw);
}

}  // namespace mimus
