// The assembler: xbyak, writing into a window of a CodeSlab's writable view, plus jumps that are patched by offset
// (cheaper than xbyak's labels) and condition codes as values. The only header that includes xbyak.
//
// Errors (window full, displacement out of range) are sticky: emission goes on harmlessly, and failed() tells at the
// end.
#pragma once

#define XBYAK_NO_OP_NAMES
#define XBYAK_NO_EXCEPTION
#include <xbyak/xbyak.h>

#include <cstring>

#include "backends/emit/contract.h"
#include "core/base/types.h"

namespace mimus::emit {

// Condition codes, numbered as the hardware does; the lowest bit negates.
enum class Cond : u8 { o, no, b, ae, e, ne, be, a, s, ns, p, np, l, ge, le, g };
constexpr Cond negate(Cond c) { return Cond(u8(c) ^ 1); }
// The condition that holds after the operands of the comparison have been swapped.
Cond swap_operands(Cond c);

// Where a forward jump's displacement lies: offset of the byte or dword after it.
struct Jump {
  u32 end = 0;
};

class Assembler : public Xbyak::CodeGenerator {
 public:
  // Writes nowhere until a window is opened.
  Assembler();

  void open(u8* write, size_t bytes);
  bool failed() const { return Xbyak::GetError() != Xbyak::ERR_NONE; }
  u8* window() const { return top_; }
  u32 offset() const { return u32(size_); }
  size_t room() const { return maxSize_ - size_; }
  // Gives back what was written after `offset`.
  void rewind(u32 offset) { size_ = offset; }

  void jump_to(const u8* target) { jmp(static_cast<const void*>(target), T_NEAR); }
  void jcc_to(Cond c, const u8* target);  // both with 32-bit displacements
  void set_cond(Cond c, const Xbyak::Operand& byte);
  void cmov(Cond c, const Xbyak::Reg& reg, const Xbyak::Operand& op);

  // Forward jumps, bound later in the same window. Short ones reach 127 bytes.
  Jump jcc_near(Cond c);
  Jump jmp_near();
  Jump jcc_short(Cond c);
  Jump jmp_short();
  void bind_near(Jump jump) { bind_near(jump, offset()); }
  void bind_near(Jump jump, u32 target);
  void bind_short(Jump jump);

  // Pads with nops until the displacement of the next jump (whose opcode has `opcode_bytes`) lies within 16
  // aligned bytes, so that one store replaces it for CPUs that are fetching it, too.
  void align_displacement(unsigned opcode_bytes);
  void align_to(u32 alignment);
  void append(const u8* bytes, u32 count) {       // data
    if (count > room()) return db(bytes, count);  // which notes the failure
    std::memcpy(top_ + size_, bytes, count);
    size_ += count;
  }
};

inline const Xbyak::Reg64 rstate{kStateRegister};
inline const Xbyak::Reg64 rstack{4};

// Memory operand [base + disp] of the access size given by the instruction or by the caller's AddressFrame.
inline Xbyak::RegExp at(int base, s64 disp = 0) { return Xbyak::Reg64(base) + size_t(disp); }

}  // namespace mimus::emit
