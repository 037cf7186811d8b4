#include "machines/debug/gdb_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <vector>

#include "machines/debug/gdb_signals.h"

namespace mimus::gdb {
namespace {

constexpr std::string_view kBad = "E01", kFault = "E0e", kNoThread = "E03";
constexpr u64 kMostMemory = kPacketBytes / 2 - 8;  // per packet, as hexadecimal digits

// A thread of the protocol: a number, 0 (any) or -1 (all).
struct ThreadId {
  u64 number = 0;
  bool all = false;
  bool fits(u64 thread) const { return all || number == 0 || number == thread; }
};
std::optional<ThreadId> take_thread(std::string_view& text) {
  if (take(text, "-1")) return ThreadId{0, true};
  const auto number = take_number(text);
  if (!number) return std::nullopt;
  return ThreadId{*number, false};
}

// "address,length"
struct Range {
  u64 address, length;
};
std::optional<Range> take_range(std::string_view& text) {
  const auto address = take_number(text);
  if (!address || !take(text, ",")) return std::nullopt;
  const auto length = take_number(text);
  if (!length) return std::nullopt;
  return Range{*address, *length};
}

// The part of `document` that "offset,length" asks for, as qXfer wants it.
std::string document_part(const std::string& document, std::string_view range_text) {
  const auto range = take_range(range_text);
  if (!range || range->address > document.size()) return std::string(kBad);
  const u64 left = document.size() - range->address;
  const u64 bytes = std::min({range->length, left, u64{kMostMemory}});
  std::string part(1, bytes == left ? 'l' : 'm');
  part.append(document, range->address, bytes);
  return part;
}

}  // namespace

// Longer prefixes before shorter ones that they begin with.
struct Session::Row {
  std::string_view prefix;
  Command command;
};

Session::Session(Target& target, const Stop& first)
    : target_(target), registers_(target.layout()), files_(target), last_(first), selected_(first.thread) {}

// -- the stream --

void Session::send(std::string_view payload, std::string& out) {
  last_sent_ = frame(payload);
  out += last_sent_;
}

void Session::receive(std::string_view bytes, std::string& out) {
  while (!over_) {
    switch (reader_.next(bytes)) {
      case PacketReader::Kind::none: return;
      case PacketReader::Kind::interrupt:
        if (running_) target_.interrupt();
        break;
      case PacketReader::Kind::nack: out += last_sent_; break;
      case PacketReader::Kind::damaged:
        if (acknowledges_) out += '-';
        break;
      case PacketReader::Kind::packet: {
        if (acknowledges_) out += '+';
        quiet_ = false;
        const std::string answer = execute(reader_.payload());
        if (!quiet_) send(answer, out);
      }
    }
  }
}

void Session::target_changed(std::string& out) {
  if (!running_ || over_) return;
  const auto stop = target_.take_stop();
  if (!stop) return;
  running_ = false;
  last_ = *stop;
  selected_ = stop->thread;
  to_continue_.reset();
  over_ = stop->kind == Stop::Kind::exited || stop->kind == Stop::Kind::killed;
  send(stop_reply(*stop), out);
}

std::string Session::execute(std::string_view packet) {
  static constexpr Row kRows[] = {
      {"?", &Session::why_stopped},
      {"g", &Session::read_registers},
      {"G", &Session::write_registers},
      {"p", &Session::read_register},
      {"P", &Session::write_register},
      {"m", &Session::read_memory},
      {"M", &Session::write_memory_hex},
      {"X", &Session::write_memory},
      {"Z", &Session::insert_point},
      {"z", &Session::remove_point},
      {"H", &Session::select_thread},
      {"T", &Session::thread_alive},
      {"vCont?", &Session::known_actions},
      {"vCont", &Session::actions},
      {"vFile:", &Session::host_io},
      {"vKill", &Session::kill},
      {"c", &Session::go},
      {"s", &Session::step},
      {"C", &Session::go_with_signal},
      {"S", &Session::step_with_signal},
      {"D", &Session::detach},
      {"k", &Session::kill_quietly},
      {"qSupported", &Session::supported},
      {"QStartNoAckMode", &Session::no_acknowledgments},
      {"qAttached", &Session::attached},
      {"qC", &Session::current_thread},
      {"qfThreadInfo", &Session::first_threads},
      {"qsThreadInfo", &Session::more_threads},
      {"qThreadExtraInfo,", &Session::thread_text},
      {"qXfer:", &Session::transfer},
      {"qSymbol", &Session::nothing_wanted},
  };
  if (running_) return std::string(kBad);  // all-stop: GDB asks for nothing while the target runs
  for (const Row& row : kRows)
    if (packet.starts_with(row.prefix)) return (this->*row.command)(packet.substr(row.prefix.size()));
  return {};
}

// -- stops --

std::string Session::stop_reply(const Stop& stop) const {
  if (stop.kind == Stop::Kind::exited) return fmt::format("W{:02x}", stop.status & 0xff);
  if (stop.kind == Stop::Kind::killed) return fmt::format("X{:02x}", to_gdb_signal(stop.signal));
  std::string text = fmt::format("T{:02x}thread:{:x};", to_gdb_signal(stop.signal), stop.thread);
  if (stop.kind == Stop::Kind::breakpoint) text += "swbreak:;";
  if (stop.kind == Stop::Kind::watchpoint) text += fmt::format("watch:{:x};", stop.address);
  if (const CpuState* state = target_.cpu(stop.thread))
    for (size_t number : registers_.expedited())
      text += fmt::format("{:02x}:{};", number, to_hex(registers_.read(*state, number)));
  return text;
}

std::string Session::why_stopped(std::string_view) { return stop_reply(last_); }

// -- registers --

CpuState* Session::cpu() const { return target_.cpu(selected_); }

std::string Session::read_registers(std::string_view) {
  const CpuState* state = cpu();
  if (!state) return std::string(kNoThread);
  std::string all;
  for (size_t i = 0; i < registers_.count(); i++) all += registers_.read(*state, i);
  return to_hex(all);
}

std::string Session::write_registers(std::string_view digits) {
  CpuState* state = cpu();
  const auto bytes = from_hex(digits);
  if (!state || !bytes) return std::string(kBad);
  std::string_view rest = *bytes;
  for (size_t i = 0; i < registers_.count() && rest.size() >= registers_.bytes(i); i++) {
    registers_.write(*state, i, rest.substr(0, registers_.bytes(i)));
    rest.remove_prefix(registers_.bytes(i));
  }
  return "OK";
}

std::string Session::read_register(std::string_view text) {
  const auto number = take_number(text);
  const CpuState* state = cpu();
  if (!number || !state || *number >= registers_.count()) return std::string(kBad);
  return to_hex(registers_.read(*state, *number));
}

std::string Session::write_register(std::string_view text) {
  const auto number = take_number(text);
  CpuState* state = cpu();
  if (!number || !state || !take(text, "=")) return std::string(kBad);
  const auto bytes = from_hex(text);
  return bytes && registers_.write(*state, *number, *bytes) ? "OK" : std::string(kBad);
}

// -- memory --

std::string Session::read_memory(std::string_view text) {
  const auto range = take_range(text);
  if (!range) return std::string(kBad);
  std::vector<u8> bytes(std::min(range->length, kMostMemory));
  const size_t got = target_.read_memory(selected_, range->address, bytes);
  if (!got && !bytes.empty()) return std::string(kFault);
  return to_hex({reinterpret_cast<const char*>(bytes.data()), got});
}

std::string Session::write_memory_hex(std::string_view text) {
  const auto range = take_range(text);
  if (!range || !take(text, ":")) return std::string(kBad);
  const auto bytes = from_hex(text);
  if (!bytes || bytes->size() != range->length) return std::string(kBad);
  const std::span data(reinterpret_cast<const u8*>(bytes->data()), bytes->size());
  return target_.write_memory(selected_, range->address, data) ? "OK" : std::string(kFault);
}

std::string Session::write_memory(std::string_view text) {
  const auto range = take_range(text);
  if (!range || !take(text, ":") || text.size() != range->length) return std::string(kBad);
  if (text.empty()) return "OK";  // GDB asks whether the packet is known
  const std::span data(reinterpret_cast<const u8*>(text.data()), text.size());
  return target_.write_memory(selected_, range->address, data) ? "OK" : std::string(kFault);
}

std::string Session::insert_point(std::string_view text) { return point(text, true); }
std::string Session::remove_point(std::string_view text) { return point(text, false); }

std::string Session::point(std::string_view text, bool insert) {
  const auto kind = take_number(text);
  if (!kind || *kind > u64(PointKind::access_watch)) return {};
  if (!take(text, ",")) return std::string(kBad);
  const auto range = take_range(text);
  if (!range) return std::string(kBad);
  const auto result = insert ? target_.insert_point(PointKind(*kind), range->address, range->length)
                             : target_.remove_point(PointKind(*kind), range->address, range->length);
  if (result == Target::PointResult::unsupported) return {};
  return result == Target::PointResult::done ? "OK" : std::string(kFault);
}

// -- threads --

std::string Session::select_thread(std::string_view text) {
  const bool general = take(text, "g");
  if (!general && !take(text, "c")) return std::string(kBad);
  const auto id = take_thread(text);
  if (!id) return std::string(kBad);
  if (!general) {
    to_continue_ = id->all || !id->number ? std::nullopt : std::optional(id->number);
  } else if (id->number) {
    if (!target_.cpu(id->number)) return std::string(kNoThread);
    selected_ = id->number;
  } else if (!target_.cpu(selected_)) {
    selected_ = last_.thread;
  }
  return "OK";
}

std::string Session::thread_alive(std::string_view text) {
  const auto id = take_thread(text);
  return id && target_.cpu(id->number) ? "OK" : std::string(kNoThread);
}

std::string Session::thread_list() const {
  std::string text;
  for (u64 thread : target_.threads()) text += fmt::format("{}{:x}", text.empty() ? "m" : ",", thread);
  return text;
}

std::string Session::first_threads(std::string_view) {
  const std::string list = thread_list();
  return list.empty() ? "l" : list;
}
std::string Session::more_threads(std::string_view) { return "l"; }  // the first answer holds all
std::string Session::current_thread(std::string_view rest) {
  return rest.empty() ? fmt::format("QC{:x}", selected_) : std::string();  // qCRC and the like
}

std::string Session::thread_text(std::string_view text) {
  const auto id = take_thread(text);
  return id ? to_hex(target_.thread_name(id->number)) : std::string(kBad);
}

// -- going on --

std::string Session::known_actions(std::string_view) { return "vCont;c;C;s;S"; }

std::string Session::actions(std::string_view text) {
  struct Item {
    ThreadId who;
    Action what;
  };
  std::vector<Item> items;
  while (take(text, ";")) {
    Item item{{0, true}, {}};
    const char letter = text.empty() ? 0 : text.front();
    if (letter != 'c' && letter != 'C' && letter != 's' && letter != 'S') return std::string(kBad);
    text.remove_prefix(1);
    item.what.kind = letter == 'c' || letter == 'C' ? Action::Kind::run : Action::Kind::step;
    if (letter == 'C' || letter == 'S') {
      const auto signal = take_number(text);
      if (!signal) return std::string(kBad);
      item.what.signal = from_gdb_signal(int(*signal & 0xff));
    }
    if (take(text, ":")) {
      const auto who = take_thread(text);
      if (!who) return std::string(kBad);
      item.who = *who;
    }
    items.push_back(item);
  }
  if (items.empty()) return std::string(kBad);
  running_ = quiet_ = true;
  target_.resume([&](u64 thread) {
    const auto item = std::ranges::find_if(items, [&](const Item& i) { return i.who.fits(thread); });
    return item == items.end() ? Action{} : item->what;
  });
  return {};
}

// One thread of Hc, or of the last stop, steps or gets the signal; without Hc the others run on.
std::string Session::go_one(std::string_view text, bool step, bool with_signal) {
  int signal = 0;
  if (with_signal) {
    const auto number = take_number(text);
    if (!number) return std::string(kBad);
    signal = from_gdb_signal(int(*number & 0xff));
    take(text, ";");
  }
  const u64 chosen = to_continue_.value_or(last_.thread);
  if (const auto address = take_number(text)) {
    CpuState* state = target_.cpu(chosen);
    if (!state) return std::string(kNoThread);
    state->pc = *address;
  }
  running_ = quiet_ = true;
  target_.resume([&](u64 thread) {
    if (thread == chosen) return Action{step ? Action::Kind::step : Action::Kind::run, signal};
    return Action{to_continue_ ? Action::Kind::stay : Action::Kind::run, 0};
  });
  return {};
}

std::string Session::go(std::string_view text) { return go_one(text, false, false); }
std::string Session::step(std::string_view text) { return go_one(text, true, false); }
std::string Session::go_with_signal(std::string_view text) { return go_one(text, false, true); }
std::string Session::step_with_signal(std::string_view text) { return go_one(text, true, true); }

std::string Session::detach(std::string_view) {
  over_ = true;
  target_.detach();
  return "OK";
}

std::string Session::kill(std::string_view) {
  over_ = true;
  target_.kill();
  return "OK";
}
std::string Session::kill_quietly(std::string_view) {
  quiet_ = true;
  return kill({});
}

// -- what is there --

std::string Session::supported(std::string_view) {
  std::string text = fmt::format("PacketSize={:x};QStartNoAckMode+;vContSupported+;swbreak+", kPacketBytes);
  if (!registers_.description().empty()) text += ";qXfer:features:read+";
  if (!target_.auxiliary_vector().empty()) text += ";qXfer:auxv:read+";
  if (!target_.program().empty()) text += ";qXfer:exec-file:read+";
  return text;
}

std::string Session::no_acknowledgments(std::string_view) {
  acknowledges_ = false;
  return "OK";
}

std::string Session::attached(std::string_view) { return "0"; }  // GDB kills it when it ends
std::string Session::nothing_wanted(std::string_view) { return "OK"; }
std::string Session::host_io(std::string_view text) { return files_.execute(text); }

std::string Session::transfer(std::string_view text) {
  if (take(text, "features:read:target.xml:")) return document_part(registers_.description(), text);
  if (take(text, "auxv:read::")) return document_part(target_.auxiliary_vector(), text);
  if (take(text, "exec-file:read:")) {
    take_until(text, ':');  // the process; there is one
    return document_part(target_.program(), text);
  }
  return {};
}

}  // namespace mimus::gdb
