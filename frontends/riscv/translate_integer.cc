// Base integer instructions and "M" (insns/i.def, insns/m.def), without loads, stores and jumps.
#include "frontends/riscv/translator.h"

namespace mimus::riscv::translate {

using ir::I32;
using ir::I64;
using ir::Op;
using T = Translator;

namespace {

Next set_if(T& t, const Insn& i, ir::I1 condition) {
  t.set_x(i.rd, t.b.zext<I64>(condition));
  return Next::go_on;
}
I64 imm(T& t, const Insn& i) { return t.b.constant(u64(i.imm)); }

}  // namespace

Next nop(T&, const Insn&) { return Next::go_on; }

// A move and a constant get no addition, so that an engine without passes makes good code of them.
Next addi(T& t, const Insn& i) {
  if (i.rs1 != 0 && i.imm != 0) return t.binary_imm(i, Op::add);
  t.set_x(i.rd, i.rs1 == 0 ? imm(t, i) : t.x(i.rs1));
  return Next::go_on;
}
Next slti(T& t, const Insn& i) { return set_if(t, i, t.b.cmp(Op::slt, t.x(i.rs1), imm(t, i))); }
Next sltiu(T& t, const Insn& i) { return set_if(t, i, t.b.cmp(Op::ult, t.x(i.rs1), imm(t, i))); }
Next xori(T& t, const Insn& i) { return i.imm == -1 ? t.unary(i, Op::not_) : t.binary_imm(i, Op::xor_); }
Next ori(T& t, const Insn& i) { return t.binary_imm(i, Op::or_); }
Next andi(T& t, const Insn& i) { return t.binary_imm(i, Op::and_); }
Next slli(T& t, const Insn& i) { return t.binary_imm(i, Op::shl); }
Next srli(T& t, const Insn& i) { return t.binary_imm(i, Op::lshr); }
Next srai(T& t, const Insn& i) { return t.binary_imm(i, Op::ashr); }

Next addiw(T& t, const Insn& i) {
  if (i.imm != 0) return t.binary_imm_w(i, Op::add);
  t.set_w(i.rd, t.w(i.rs1));
  return Next::go_on;
}
Next slliw(T& t, const Insn& i) { return t.binary_imm_w(i, Op::shl); }
Next srliw(T& t, const Insn& i) { return t.binary_imm_w(i, Op::lshr); }
Next sraiw(T& t, const Insn& i) { return t.binary_imm_w(i, Op::ashr); }

Next lui(T& t, const Insn& i) {
  t.set_x(i.rd, imm(t, i));
  return Next::go_on;
}
Next auipc(T& t, const Insn& i) {
  GuestPc value = t.pc + u64(i.imm);
  t.set_x(i.rd, t.b.constant(value));
  t.remember_address(i.rd, value);
  return Next::go_on;
}

Next add(T& t, const Insn& i) {
  if (i.rs1 != 0 && i.rs2 != 0) return t.binary(i, Op::add);
  t.set_x(i.rd, t.x(i.rs1 == 0 ? i.rs2 : i.rs1));
  return Next::go_on;
}
Next sub(T& t, const Insn& i) {
  if (i.rs1 != 0) return t.binary(i, Op::sub);
  t.set_x(i.rd, t.b.un(Op::neg, t.x(i.rs2)));
  return Next::go_on;
}
Next sll(T& t, const Insn& i) { return t.binary(i, Op::shl); }
Next slt(T& t, const Insn& i) { return set_if(t, i, t.b.cmp(Op::slt, t.x(i.rs1), t.x(i.rs2))); }
Next sltu(T& t, const Insn& i) { return set_if(t, i, t.b.cmp(Op::ult, t.x(i.rs1), t.x(i.rs2))); }
Next xor_(T& t, const Insn& i) { return t.binary(i, Op::xor_); }
Next srl(T& t, const Insn& i) { return t.binary(i, Op::lshr); }
Next sra(T& t, const Insn& i) { return t.binary(i, Op::ashr); }
Next or_(T& t, const Insn& i) { return t.binary(i, Op::or_); }
Next and_(T& t, const Insn& i) { return t.binary(i, Op::and_); }
Next addw(T& t, const Insn& i) { return t.binary_w(i, Op::add); }
Next subw(T& t, const Insn& i) { return t.binary_w(i, Op::sub); }
Next sllw(T& t, const Insn& i) { return t.binary_w(i, Op::shl); }
Next srlw(T& t, const Insn& i) { return t.binary_w(i, Op::lshr); }
Next sraw(T& t, const Insn& i) { return t.binary_w(i, Op::ashr); }

Next mul(T& t, const Insn& i) { return t.binary(i, Op::mul); }
Next mulh(T& t, const Insn& i) { return t.binary(i, Op::smulh); }
Next mulhsu(T& t, const Insn& i) { return t.binary(i, Op::sumulh); }
Next mulhu(T& t, const Insn& i) { return t.binary(i, Op::umulh); }
Next mulw(T& t, const Insn& i) { return t.binary_w(i, Op::mul); }
Next div(T& t, const Insn& i) { return t.binary(i, Op::sdiv); }
Next divu(T& t, const Insn& i) { return t.binary(i, Op::udiv); }
Next rem(T& t, const Insn& i) { return t.binary(i, Op::srem); }
Next remu(T& t, const Insn& i) { return t.binary(i, Op::urem); }
Next divw(T& t, const Insn& i) { return t.binary_w(i, Op::sdiv); }
Next divuw(T& t, const Insn& i) { return t.binary_w(i, Op::udiv); }
Next remw(T& t, const Insn& i) { return t.binary_w(i, Op::srem); }
Next remuw(T& t, const Insn& i) { return t.binary_w(i, Op::urem); }

// Zicond
Next czero_eqz(T& t, const Insn& i) {
  ir::I1 zero = t.b.cmp(Op::eq, t.x(i.rs2), t.b.constant(0));
  t.set_x(i.rd, t.b.select(zero, t.b.constant(0), t.x(i.rs1)));
  return Next::go_on;
}
Next czero_nez(T& t, const Insn& i) {
  ir::I1 zero = t.b.cmp(Op::eq, t.x(i.rs2), t.b.constant(0));
  t.set_x(i.rd, t.b.select(zero, t.x(i.rs1), t.b.constant(0)));
  return Next::go_on;
}

}  // namespace mimus::riscv::translate
