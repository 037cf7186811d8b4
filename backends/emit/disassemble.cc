#include "backends/emit/disassemble.h"

#include <capstone/capstone.h>
#include <dlfcn.h>

#include <memory>

namespace mimus::emit {

namespace {

// The functions of libcapstone, found at run time: it is no dependency of the program.
struct Capstone {
  decltype(&cs_open) open = nullptr;
  decltype(&cs_disasm) disasm = nullptr;
  decltype(&cs_free) free = nullptr;
  decltype(&cs_close) close = nullptr;

  static const Capstone& get() {
    static const Capstone loaded = load();
    return loaded;
  }
  explicit operator bool() const { return open && disasm && free && close; }

 private:
  static Capstone load() {
    Capstone c;
    void* library = dlopen("libcapstone.so.4", RTLD_LAZY | RTLD_LOCAL);
    if (!library) return c;
    c.open = reinterpret_cast<decltype(c.open)>(dlsym(library, "cs_open"));
    c.disasm = reinterpret_cast<decltype(c.disasm)>(dlsym(library, "cs_disasm"));
    c.free = reinterpret_cast<decltype(c.free)>(dlsym(library, "cs_free"));
    c.close = reinterpret_cast<decltype(c.close)>(dlsym(library, "cs_close"));
    return c;
  }
};

// Decodes `code` and calls f(offset, instruction or null for an undecodable byte).
template <class F>
bool for_each_instruction(std::span<const u8> code, u64 address, F&& f) {
  const Capstone& capstone = Capstone::get();
  csh handle;
  if (!capstone || capstone.open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK) return false;
  for (size_t offset = 0; offset < code.size();) {
    cs_insn* insns = nullptr;
    const size_t count =
        capstone.disasm(handle, code.data() + offset, code.size() - offset, address + offset, 0, &insns);
    for (size_t i = 0; i < count; ++i) {
      f(offset, &insns[i]);
      offset += insns[i].size;
    }
    if (count) capstone.free(insns, count);
    if (offset < code.size()) f(offset++, static_cast<const cs_insn*>(nullptr));
  }
  capstone.close(&handle);
  return true;
}

std::string hex(u64 value, int digits = 0) {
  char text[24];
  std::snprintf(text, sizeof text, "%0*llx", digits, static_cast<unsigned long long>(value));
  return text;
}

std::string headings(std::span<const PcMapEntry> map, size_t& next, size_t offset) {
  std::string out;
  for (; next < map.size() && map[next].host_offset <= offset; ++next) out += "  ; " + hex(map[next].guest_pc) + "\n";
  return out;
}

}  // namespace

std::string disassemble(std::span<const u8> code, u64 address, std::span<const PcMapEntry> map) {
  std::string out;
  size_t next = 0;
  const bool decoded = for_each_instruction(code, address, [&](size_t offset, const cs_insn* insn) {
    out += headings(map, next, offset) + hex(address + offset, 12) + "  ";
    if (insn)
      out += std::string(insn->mnemonic) + " " + insn->op_str + "\n";
    else
      out += ".byte " + hex(code[offset], 2) + "\n";
  });
  if (decoded) return out;
  for (size_t offset = 0; offset < code.size(); offset += 16) {
    out += headings(map, next, offset) + hex(address + offset, 12) + " ";
    for (size_t i = offset; i < std::min(offset + 16, code.size()); ++i) out += " " + hex(code[i], 2);
    out += "\n";
  }
  return out;
}

int count_instructions(std::span<const u8> code) {
  int count = 0;
  if (!for_each_instruction(code, 0, [&](size_t, const cs_insn*) { ++count; })) return -1;
  return count;
}

}  // namespace mimus::emit
