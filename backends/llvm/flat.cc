#include "backends/llvm/flat.h"

#include "backends/emit/assembler.h"

namespace mimus::jit {
namespace {

constexpr u8 kGsPrefix = 0x65, kDsPrefix = 0x3e;  // DS means nothing in 64-bit mode

bool in_sse(ir::Type t) { return t.bytes() == 16 || (t.is_float() && !t.is_vector()); }
bool short_disp(s32 disp) { return disp == s8(disp); }

// Opcode bytes and prefixes that are always there, REX among them.
u32 opcode_bytes(const FlatAccess& access) {
  if (in_sse(access.type)) return 4;  // F2/F3 REX 0F op
  const u32 bytes = access.type.bytes();
  if (access.store) return bytes == 2 ? 3 : 2;  // [66] REX op
  return bytes < 4 ? 3 : 2;                     // REX [0F] op
}

Xbyak::Reg sized(u8 number, u32 bytes) {
  return Xbyak::Reg(number, Xbyak::Operand::REG, int(bytes * 8), bytes == 1 && number >= 4 && number < 8);
}

void emit(emit::Assembler& a, const FlatAccess& access, const Location& base, const Location& value) {
  const u32 bytes = access.type.bytes();
  const Xbyak::Address at = Xbyak::AddressFrame(int(bytes * 8))[Xbyak::Reg64(base.reg) + size_t(s64(access.disp))];
  if (in_sse(access.type)) {
    const Xbyak::Xmm x(value.reg);
    if (bytes == 16)
      access.store ? a.movups(at, x) : a.movups(x, at);
    else if (access.store)
      bytes == 8 ? a.movsd(at, x) : a.movss(at, x);
    else
      bytes == 8 ? a.movsd(x, at) : a.movss(x, at);
    return;
  }
  if (access.store) return a.mov(at, sized(value.reg, bytes));
  if (bytes == 8 || (bytes == 4 && !access.sign)) return a.mov(sized(value.reg, bytes), at);
  if (bytes == 4) return a.movsxd(Xbyak::Reg64(value.reg), at);
  access.sign ? a.movsx(Xbyak::Reg64(value.reg), at) : a.movzx(Xbyak::Reg32(value.reg), at);
}

}  // namespace

u32 flat_access_bytes(const FlatAccess& access, MemoryModel memory) {
  constexpr u32 kModrm = 1;
  return (memory == MemoryModel::flat) + opcode_bytes(access) + kModrm + (short_disp(access.disp) ? 1 : 4);
}

Expected<void> write_flat_access(const FlatAccess& access, MemoryModel memory, const StackMap::Record& record, u8* to) {
  constexpr u32 kLongest = 15;
  const u32 room = access.room;
  const size_t first = access.store ? 0 : 1;  // the state's location, behind that of the result
  const Location& base = record.locations[first + 1];
  const Location& value = access.store ? record.locations[first + 2] : record.locations[0];
  if (value.kind != (in_sse(access.type) ? Location::Kind::vector : Location::Kind::general) ||
      base.kind != Location::Kind::general)
    return fail("LLVM keeps an operand in a register of the other kind");
  u8 buffer[kLongest + 1];
  emit::Assembler a;
  a.open(buffer, sizeof buffer);
  emit(a, access, base, value);
  const u32 length = a.offset();
  const bool gs = memory == MemoryModel::flat;
  if (a.failed() || length + gs > room) return fail("an access to flat memory needs more bytes than LLVM has left");
  // What is left over is filled in front, with prefixes that change nothing.
  const u32 pad = room - length;
  for (u32 i = 0; i < pad; ++i) to[i] = gs ? kGsPrefix : kDsPrefix;
  std::memcpy(to + pad, buffer, length);
  return {};
}

}  // namespace mimus::jit
