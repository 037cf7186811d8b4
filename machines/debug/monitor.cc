#include "machines/debug/monitor.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "machines/debug/registers.h"

namespace mimus {
namespace {

// The first word of `text`, and the rest without leading blanks.
std::pair<std::string_view, std::string_view> first_word(std::string_view text) {
  const size_t start = std::min(text.find_first_not_of(' '), text.size());
  text.remove_prefix(start);
  const size_t end = std::min(text.find(' '), text.size());
  std::string_view rest = text.substr(end);
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return {text.substr(0, end), rest};
}

// Decimal, or hex after 0x.
bool parse_number(std::string_view text, u64& value) {
  const bool hex = text.starts_with("0x");
  if (hex) text.remove_prefix(2);
  auto result = std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  return !text.empty() && result.ec == std::errc() && result.ptr == text.data() + text.size();
}

}  // namespace

struct Monitor::Command {
  std::string_view name, arguments, what;
  std::string (Monitor::*run)(std::string_view arguments);
};

std::span<const Monitor::Command> Monitor::commands() {
  static constexpr Command kCommands[] = {
      {"help", "", "this list", &Monitor::help},
      {"info", "registers [all]", "registers of every CPU", &Monitor::info},
      {"info", "devices", "the memory map", &Monitor::info},
      {"info", "device NAME", "the state of a device", &Monitor::info},
      {"info", "blocks", "what the translator has done", &Monitor::info},
      {"info", "errors", "the last mistakes of the guest", &Monitor::info},
      {"memory", "ADDRESS [BYTES]", "guest physical memory", &Monitor::memory},
      {"stop", "", "stop the CPUs", &Monitor::stop},
      {"cont", "", "let the CPUs run", &Monitor::cont},
      {"reset", "", "reset the machine", &Monitor::reset},
      {"powerdown", "", "press the power button", &Monitor::powerdown},
      {"quit", "", "end the program", &Monitor::quit},
  };
  return kCommands;
}

std::string Monitor::execute(std::string_view line) {
  auto [name, arguments] = first_word(line);
  if (name.empty()) return "";
  for (const Command& command : commands())
    if (command.name == name) return (this->*command.run)(arguments);
  return fmt::format("unknown command '{}'; \"help\" lists the commands\n", name);
}

std::string Monitor::help(std::string_view) {
  std::string text;
  for (const Command& c : commands())
    text += fmt::format("{:<28} {}\n", fmt::format("{} {}", c.name, c.arguments), c.what);
  return text;
}

std::string Monitor::info(std::string_view arguments) {
  auto [what, rest] = first_word(arguments);
  if (what == "registers") return registers(rest);
  if (what == "devices") return devices();
  if (what == "device") return device_state(rest);
  if (what == "blocks") return vm_.accelerator().stats();
  if (what == "errors") return vm_.recent_guest_errors();
  return fmt::format("info registers, devices, device NAME, blocks or errors; not '{}'\n", what);
}

std::string Monitor::registers(std::string_view which) {
  std::string text;
  vm_.while_stopped([&] {
    for (u32 i = 0; i < vm_.accelerator().cpu_count(); i++) {
      text += fmt::format("CPU {}:\n", i);
      text += format_registers(vm_.accelerator().cpu(i), frontend_.layout(), which == "all");
    }
  });
  return text;
}

std::string Monitor::devices() {
  std::string text;
  for (const auto& range : vm_.memory().ranges()) {
    const char* kind = range->device ? "device" : range->writable ? "RAM" : "ROM";
    text += fmt::format("{:#012x}..{:#012x}  {:<7} {}\n", range->base, range->base + range->size, kind, range->name);
  }
  return text;
}

std::string Monitor::device_state(std::string_view name) {
  std::string text;
  vm_.while_stopped([&] {
    for (const auto& device : vm_.devices())
      if (device->name() == name) text = describe_state([&](StateVisitor& v) { device->visit_state(v); });
  });
  return text.empty() ? fmt::format("no device '{}' with a state; \"info devices\" lists them\n", name) : text;
}

std::string Monitor::memory(std::string_view arguments) {
  constexpr u64 kMost = 4096;
  auto [address_text, count_text] = first_word(arguments);
  u64 address = 0, count = 64;
  if (!parse_number(address_text, address) || (!count_text.empty() && !parse_number(count_text, count)))
    return "memory ADDRESS [BYTES], both decimal or 0x...\n";
  std::vector<u8> bytes(std::min(count, kMost));
  if (!vm_.memory().read(address, bytes)) return fmt::format("{:#x}: not memory\n", address);
  std::string text;
  for (size_t i = 0; i < bytes.size(); i++) {
    if (i % 16 == 0) text += fmt::format("{}{:#x}:", i ? "\n" : "", address + i);
    text += fmt::format(" {:02x}", bytes[i]);
  }
  return text + "\n";
}

std::string Monitor::stop(std::string_view) {
  vm_.set_paused(true);
  return "stopped; \"cont\" goes on\n";
}

std::string Monitor::cont(std::string_view) {
  vm_.set_paused(false);
  return "";
}

std::string Monitor::reset(std::string_view) {
  vm_.request_reset();
  return "";
}

std::string Monitor::powerdown(std::string_view) {
  return vm_.press_power_button() ? "" : "this board has no power button\n";
}

std::string Monitor::quit(std::string_view) {
  vm_.request_power_off(0);
  return "";
}

}  // namespace mimus
