#include "machines/host/console/stdio_console.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace mimus {
namespace {

constexpr size_t kMostPending = 64 * 1024;
constexpr u8 kBackspace = 0x08, kDelete = 0x7f, kLineKill = 0x15;  // Ctrl-U
constexpr const char* kPrompt = "(mimus) ";
constexpr const char* kHelp =
    "\n[mimus] Ctrl-A x  quit\n"
    "[mimus] Ctrl-A c  to the monitor, and back to the guest\n"
    "[mimus] Ctrl-A h  this help\n"
    "[mimus] Ctrl-A Ctrl-A  a Ctrl-A for the guest\n";

}  // namespace

StdioConsole::StdioConsole(EventQueue& events, Menu menu)
    : events_(events),
      menu_(std::move(menu)),
      terminal_(RawTerminal::enter(STDIN_FILENO)),
      output_(STDOUT_FILENO, false, events, [this] {
        if (handlers_.on_writable) handlers_.on_writable();
      }) {
  watch_ = events_.watch(STDIN_FILENO, POLLIN, [this](short) { readable(); });
}

StdioConsole::~StdioConsole() { events_.unwatch(watch_); }

void StdioConsole::resume() {
  if (!pending_.empty()) events_.post([this] { deliver(); });
}

void StdioConsole::readable() {
  u8 bytes[1024];
  ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (got <= 0) {
    at_end_ = true;
    events_.set_events(watch_, 0);
    return;
  }
  for (u8 byte : std::span(bytes, size_t(got))) typed(byte);
  deliver();
}

void StdioConsole::typed(u8 byte) {
  using Action = EscapeFilter::Action;
  const Action action = terminal_ ? escape_.feed(byte) : Action::pass;
  switch (action) {
    case Action::none: return;
    case Action::quit: return menu_.quit();
    case Action::help: return print(kHelp);
    case Action::monitor: return toggle_monitor();
    case Action::pass: break;
  }
  if (in_monitor_) return edit_line(byte);
  pending_.push_back(byte);
}

void StdioConsole::deliver() {
  while (!pending_.empty() && handlers_.room) {
    u8 chunk[256];
    const size_t count = std::min({handlers_.room(), pending_.size(), sizeof chunk});
    if (!count) break;
    std::copy_n(pending_.begin(), count, chunk);
    pending_.erase(pending_.begin(), pending_.begin() + long(count));
    handlers_.on_input({chunk, count});
  }
  events_.set_events(watch_, at_end_ || pending_.size() >= kMostPending ? 0 : POLLIN);
}

void StdioConsole::print(const std::string& text) {
  if (!terminal_) return;
  std::string raw;
  for (char c : text) raw += c == '\n' ? std::string("\r\n") : std::string(1, c);
  output_.write({reinterpret_cast<const u8*>(raw.data()), raw.size()});
}

void StdioConsole::prompt() {
  if (in_monitor_) print(kPrompt + line_);
}

void StdioConsole::toggle_monitor() {
  in_monitor_ = !in_monitor_;
  line_.clear();
  print(in_monitor_ ? "\n[mimus] monitor; \"help\" lists the commands, Ctrl-A c goes back to the guest\n"
                    : "\n[mimus] back to the guest\n");
  prompt();
}

void StdioConsole::edit_line(u8 byte) {
  if (byte == '\r' || byte == '\n') {
    print("\n");
    menu_.command(std::exchange(line_, {}));
  } else if (byte == kLineKill) {
    line_.clear();
    print("\n");
    prompt();
  } else if (byte == kBackspace || byte == kDelete) {
    if (line_.empty()) return;
    line_.pop_back();
    print("\b \b");
  } else if (byte >= ' ') {
    line_ += char(byte);
    print(std::string(1, char(byte)));
  }
}

}  // namespace mimus
