// What /proc shows of the process: the guest's truth. Source: Linux Documentation/filesystems/proc.rst.
#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <sstream>

#include "machines/user/paths.h"

namespace mimus::user {
namespace {

struct HostLine {
  u64 start = 0, end = 0;
  char sharing = 'p';
  std::string rest;  // offset, device, inode
  u64 offset = 0;
  std::string name;
};

bool parse_line(const std::string& line, HostLine& out) {
  unsigned long start, end, offset, inode;
  char perms[8], device[32];
  int name = 0;
  if (sscanf(line.c_str(), "%lx-%lx %7s %lx %31s %lu %n", &start, &end, perms, &offset, device, &inode, &name) < 6)
    return false;
  out = {start, end, perms[3], fmt::format("{} {}", device, inode), offset, line.substr(size_t(name))};
  return true;
}

std::string format_line(const Process& process, const HostLine& host, u64 start, u64 end, u8 prot, const char* label) {
  const u64 offset = host.name.empty() ? 0 : host.offset + (start - host.start);
  std::string line =
      fmt::format("{:08x}-{:08x} {}{}{}{} {:08x} {}", start, end, prot & PROT_READ ? 'r' : '-',
                  prot & PROT_WRITE ? 'w' : '-', prot & PROT_EXEC ? 'x' : '-', host.sharing, offset, host.rest);
  const std::string name = *label ? label : process.sysroot.to_guest(host.name);
  if (!name.empty()) line += std::string(line.size() < 72 ? 73 - line.size() : 1, ' ') + name;
  return line + "\n";
}

// The host's lines of the guest's addresses, with the guest's protections.
std::string maps(UserThread& thread) {
  AddressSpace& memory = thread.memory;
  const auto ranges = memory.ranges();
  const u64 base = reinterpret_cast<u64>(memory.base());
  std::string text, line;
  auto range = ranges.begin();
  std::ifstream file("/proc/self/maps");
  while (std::getline(file, line)) {
    HostLine host;
    if (!parse_line(line, host) || host.start < base || host.start - base >= memory.limit()) continue;
    host.start -= base, host.end -= base;
    while (range != ranges.end() && range->mapping.end <= host.start) ++range;
    for (auto r = range; r != ranges.end() && r->start < host.end; ++r)
      text += format_line(thread.process, host, std::max(host.start, r->start), std::min(host.end, r->mapping.end),
                          r->mapping.prot, r->mapping.label);
  }
  return text;
}

std::string guest_bytes(UserThread& thread, GuestVa address, u64 bytes) {
  std::string text(bytes, '\0');
  return thread.memory.copy_in(text.data(), address, bytes) == 0 ? text : std::string();
}

// proc_pid_stat(5): the fields that hold addresses are the host's, field 28 (the stack) is known.
std::string stat_line(UserThread& thread, const std::string& entry) {
  std::ifstream file(entry == "stat" ? "/proc/self/stat" : "/proc/self/" + entry);
  std::string line, field, text;
  std::getline(file, line);
  const size_t comm = line.rfind(')');
  if (comm == std::string::npos) return line + "\n";
  text = line.substr(0, comm + 1);
  std::istringstream fields(line.substr(comm + 1));
  for (unsigned number = 3; fields >> field; number++) {
    if (number == 28) field = std::to_string(thread.process.program.stack.sp);
    if (number == 20) field = std::to_string(thread.process.thread_count());
    if (number == 26 || number == 27 || (number >= 45 && number <= 51)) field = "0";
    text += " " + field;
  }
  return text + "\n";
}

}  // namespace

bool proc_text(UserThread& thread, const std::string& entry, std::string& text) {
  const Program& program = thread.process.program;
  if (entry == "maps")
    text = maps(thread);
  else if (entry == "cmdline")
    text = guest_bytes(thread, program.stack.arguments, program.stack.arguments_bytes);
  else if (entry == "auxv")
    text = guest_bytes(thread, program.stack.auxv, program.stack.auxv_bytes);
  else if (entry == "stat")
    text = stat_line(thread, entry);
  else if (entry == "cpuinfo")
    text = thread.isa.cpuinfo(thread.state(), unsigned(sysconf(_SC_NPROCESSORS_ONLN)));
  else
    return false;
  return true;
}

}  // namespace mimus::user
