// The terminal that the program was started from, in raw mode for as long as a RawTerminal lives.
#pragma once

#include <termios.h>

#include <memory>

namespace mimus {

// However the program ends - return, exit(), a signal that it does not handle - the terminal gets its old mode back.
// Only SIGKILL cannot be helped. One at a time.
class RawTerminal {
 public:
  // Null when `fd` is no terminal, or when the program runs in the background of it.
  static std::unique_ptr<RawTerminal> enter(int fd);
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;

  // Around a stop by job control.
  void suspend();
  void resume();

 private:
  explicit RawTerminal(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace mimus
