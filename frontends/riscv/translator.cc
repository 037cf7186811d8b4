#include "frontends/riscv/translator.h"

namespace mimus::riscv {
namespace {

constexpr unsigned kMaxSideExits = 4;

u32 load_parcels(std::span<const u8> bytes) {
  u32 raw = 0;
  std::memcpy(&raw, bytes.data(), std::min<size_t>(bytes.size(), 4));
  return raw;
}

}  // namespace

void Translator::run(const CodeBytes& code, const TranslateLimits& limits) {
  u32 offset = 0;
  while (true) {
    pc = code.pc + offset;
    if (!translate_one(code, offset)) return;
    offset = block_.guest_bytes;
    pc = code.pc + offset;
    u32 left = code.first_page_bytes > offset ? code.first_page_bytes - offset : 0;
    bool straddles = left < 2 || (left < 4 && insn_length(u16(load_parcels(code.bytes.subspan(offset)))) > left);
    if (block_.guest_insns >= limits.max_insns || side_exits_ >= kMaxSideExits || straddles) {
      jump(pc);
      return;
    }
  }
}

// Translates the instruction at `offset`; false when the block has ended.
bool Translator::translate_one(const CodeBytes& code, u32 offset) {
  std::span<const u8> bytes = code.bytes.subspan(offset);
  u32 raw = load_parcels(bytes);
  unsigned length = insn_length(u16(raw));
  b.begin_insn(pc, u16(length));
  if (bytes.size() < length) {  // the second half of the first instruction cannot be fetched
    block_.guest_bytes = u32(offset + bytes.size());
    if (code.next_fault) {
      trap(code.next_fault->cause, code.next_fault->tval);
    } else {
      trap(kCauseFetchAccess, pc + bytes.size());
    }
    return false;
  }
  block_.guest_bytes = offset + length;
  Insn insn;
  if (!decode_fields(raw, model, insn)) {
    illegal(insn);
    return false;
  }
  return insn.desc->lift(*this, insn) == Next::go_on;
}

void Translator::set_x(unsigned n, ir::I64 value) {
  if (n == 0) return;
  if (known_reg_ == n) known_reg_ = 0;
  b.write(x_slot(n), value);
}

Next Translator::binary(const Insn& i, ir::Op op) {
  set_x(i.rd, b.bin(op, x(i.rs1), x(i.rs2)));
  return Next::go_on;
}
Next Translator::binary_imm(const Insn& i, ir::Op op) {
  set_x(i.rd, b.bin(op, x(i.rs1), b.constant(u64(i.imm))));
  return Next::go_on;
}
Next Translator::binary_w(const Insn& i, ir::Op op) {
  set_w(i.rd, b.bin(op, w(i.rs1), w(i.rs2)));
  return Next::go_on;
}
Next Translator::binary_imm_w(const Insn& i, ir::Op op) {
  set_w(i.rd, b.bin(op, w(i.rs1), b.constant<ir::I32>(u32(i.imm))));
  return Next::go_on;
}
Next Translator::unary(const Insn& i, ir::Op op) {
  set_x(i.rd, b.un(op, x(i.rs1)));
  return Next::go_on;
}
Next Translator::unary_w(const Insn& i, ir::Op op) {
  set_w(i.rd, b.un(op, w(i.rs1)));
  return Next::go_on;
}

Next Translator::jump(GuestPc target) {
  b.end({.kind = ir::Exit::Kind::jump, .target = target});
  return Next::stop;
}

Next Translator::yield(GuestPc target) {
  b.end({.kind = ir::Exit::Kind::yield, .target = target});
  return Next::stop;
}

Next Translator::trap(u32 cause, u64 tval) {
  b.end({.kind = ir::Exit::Kind::trap, .cause = cause, .tval = tval});
  --block_.exits.back().insns;  // Volume II, 3.1.10: an instruction that traps does not retire
  return Next::stop;
}

void Translator::trap_if(ir::I1 condition, u32 cause, u64 tval) {
  b.exit_if(condition, {.kind = ir::Exit::Kind::trap, .cause = cause, .tval = tval});
  --block_.exits.back().insns;
}

void Translator::yield_if_resync(const Insn& i) {
  ir::I1 asked = b.cmp(ir::Op::ne, b.read(kSlot_resync), b.constant(0));
  b.exit_if(asked, {.kind = ir::Exit::Kind::yield, .target = next_pc(i)});
}

// Forward branches continue on the path that is not taken; the path after a backward one (a loop's end) is cold.
Next Translator::branch(const Insn& i, ir::I1 taken) {
  b.exit_if(taken, {.kind = ir::Exit::Kind::jump, .target = pc + u64(i.imm)});
  ++side_exits_;
  return i.imm < 0 ? jump(next_pc(i)) : Next::go_on;
}

ir::Any Translator::call_leaving(unsigned row, ir::Type result, std::initializer_list<ir::Any> args) {
  b.write(kSlot_pc, b.constant(pc));
  return b.helper(row, result, args);
}

bool Translator::enter_fp(const Insn& i, bool writes) {
  if (mode.fp_ready || (fp_checked_ && (fp_dirtied_ || !writes))) return true;
  if (writes && mode.privilege != kSupervisor) {
    // Outside S mode FS stays Dirty for long: switch to the mode that needs no checks and start again from here.
    call_leaving(kHelper_first_fp_use, ir::kVoid, {b.constant(i.raw)});
    yield(pc);
    --block_.exits.back().insns;
    return false;
  }
  ir::I64 status = b.read(kSlot_mstatus);
  if (!fp_checked_) {
    ir::I64 fs = b.and_(status, b.constant(kStatusFs));
    trap_if(b.cmp(ir::Op::eq, fs, b.constant(0)), kCauseIllegal, i.raw);
  }
  fp_checked_ = true;
  if (writes) b.write(kSlot_mstatus, b.or_(status, b.constant(kStatusFs)));
  fp_dirtied_ |= writes;
  return true;
}

}  // namespace mimus::riscv
