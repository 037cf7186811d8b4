#include "machines/debug/gdb_signals.h"

#include <csignal>

namespace mimus::gdb {
namespace {

struct Row {
  int linux_signal, gdb_signal;
};
constexpr Row kRows[] = {
    {SIGHUP, 1},  {SIGINT, 2},    {SIGQUIT, 3},  {SIGILL, 4},   {SIGTRAP, 5},    {SIGABRT, 6},  {SIGFPE, 8},
    {SIGKILL, 9}, {SIGBUS, 10},   {SIGSEGV, 11}, {SIGSYS, 12},  {SIGPIPE, 13},   {SIGALRM, 14}, {SIGTERM, 15},
    {SIGURG, 16}, {SIGSTOP, 17},  {SIGTSTP, 18}, {SIGCONT, 19}, {SIGCHLD, 20},   {SIGTTIN, 21}, {SIGTTOU, 22},
    {SIGIO, 23},  {SIGXCPU, 24},  {SIGXFSZ, 25}, {SIGPROF, 27}, {SIGVTALRM, 26}, {SIGUSR1, 30}, {SIGUSR2, 31},
    {SIGPWR, 32}, {SIGWINCH, 28}, {32, 77},      {64, 78},
};
constexpr int kFirstRealTime = 33, kLastRealTime = 63, kGdbFirstRealTime = 45, kGdbUnknown = 143;

}  // namespace

int to_gdb_signal(int signal) {
  for (const Row& row : kRows)
    if (row.linux_signal == signal) return row.gdb_signal;
  if (signal >= kFirstRealTime && signal <= kLastRealTime) return signal - kFirstRealTime + kGdbFirstRealTime;
  return signal ? kGdbUnknown : 0;
}

int from_gdb_signal(int signal) {
  for (const Row& row : kRows)
    if (row.gdb_signal == signal) return row.linux_signal;
  const int real_time = signal - kGdbFirstRealTime + kFirstRealTime;
  return real_time >= kFirstRealTime && real_time <= kLastRealTime ? real_time : 0;
}

}  // namespace mimus::gdb
