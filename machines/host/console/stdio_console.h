// StdioConsole: a machine's console on the program's standard input and output.
//
// On a terminal, input is raw and goes through the escape menu (Ctrl-A x, c, h). Otherwise every byte is the guest's,
// and the end of the input is not the end of the machine.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "core/device/event_queue.h"
#include "core/endpoint/char_endpoint.h"
#include "machines/host/console/escape_filter.h"
#include "machines/host/console/output_thread.h"
#include "machines/host/console/terminal.h"

namespace mimus {

class StdioConsole final : public CharEndpoint {
 public:
  // Called on the event thread under the machine lock: they pass their work on to another thread.
  struct Menu {
    std::function<void()> quit;
    std::function<void(std::string line)> command;  // for the monitor; the answer comes through print()
  };
  StdioConsole(EventQueue& events, Menu menu);
  ~StdioConsole() override;

  size_t write(std::span<const u8> data) override { return output_.write(data); }
  void attach(Handlers handlers) override { handlers_ = std::move(handlers); }
  void resume() override;

  // Text of the emulator's own for the person at the terminal; nothing when there is no terminal. Any thread.
  void print(const std::string& text);
  void prompt();
  RawTerminal* terminal() { return terminal_.get(); }

 private:
  void readable();
  void typed(u8 byte);
  void edit_line(u8 byte);
  void toggle_monitor();
  void deliver();

  EventQueue& events_;
  Menu menu_;
  Handlers handlers_;
  std::unique_ptr<RawTerminal> terminal_;
  OutputThread output_;
  EventQueue::WatchId watch_ = 0;
  bool at_end_ = false;
  EscapeFilter escape_;
  std::deque<u8> pending_;  // typed, not taken by the guest yet
  bool in_monitor_ = false;
  std::string line_;  // of the monitor
};

}  // namespace mimus
