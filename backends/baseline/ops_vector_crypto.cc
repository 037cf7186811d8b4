// Cryptography: AES-NI, PCLMULQDQ, the SHA extensions (Intel SDM volume 2).
#include "backends/baseline/compiler.h"

namespace mimus::baseline {

using ir::Inst;
using ir::Op;
using Xbyak::Operand;
using Xbyak::Xmm;
using namespace Xbyak::util;

void Compiler::vector_clmul_wide(const Inst& inst) {
  if (!features_.pclmul) return fallback(inst);
  const Xmm a(regs_.xmm(inst.args[0])), b(regs_.xmm(inst.args[1]));
  const Xmm d(regs_.def_xmm(self(), a.getIdx(), b.getIdx()));
  a_.vpclmulqdq(d, a, b, inst.imm ? 0x11 : 0x00);
}

// -- AES: the host's instructions add a round key at the end, here 0 --

void Compiler::vector_aes(const Inst& inst) {
  if (!features_.aes) return fallback(inst);
  const Xmm a(regs_.xmm(inst.args[0])), zero(regs_.temp_xmm()), d(regs_.def_xmm(self(), a.getIdx()));
  a_.vpxor(zero, zero, zero);
  inst.op == Op::aes_sub_shift ? a_.vaesenclast(d, a, zero) : a_.vaesdeclast(d, a, zero);
}

// With the step before it, if that is part of it, one instruction.
void Compiler::vector_aes_mix(const Inst& inst) {
  const bool forward = inst.op == Op::aes_mix, whole = is_fused(inst.args[0]);
  if (!features_.aes) return fallback(inst);
  const Xmm a(regs_.xmm(whole ? def(inst.args[0]).args[0] : inst.args[0]));
  const Xmm zero(regs_.temp_xmm()), d(regs_.def_xmm(self(), a.getIdx()));
  if (!whole && !forward) return a_.vaesimc(d, a);
  a_.vpxor(zero, zero, zero);
  if (!whole) a_.vaesdeclast(d, a, zero);  // which the first half of the round undoes
  const Xmm& from = whole ? a : d;
  forward ? a_.vaesenc(d, from, zero) : a_.vaesdec(d, from, zero);
}

// -- SHA: instructions of two operands --

// SHA1RNDS4 has the first word in the highest lane and adds the round constant itself.
void Compiler::vector_sha1(const Inst& inst) {
  if (!features_.sha) return fallback(inst);
  const unsigned function = inst.op == Op::sha1_ch ? 0 : inst.op == Op::sha1_parity ? 1 : 2;
  static constexpr u32 kConstants[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc};
  const u64 constant = kConstants[function] * u64{0x1'0000'0001};
  const Xmm a(regs_.xmm(inst.args[0])), b(regs_.xmm(inst.args[1])), t(regs_.temp_xmm());
  const Xmm d(regs_.def_xmm(self()));
  with_constant(constant, constant, [&](const Operand& k) { a_.vpsubd(t, b, k); });
  a_.vpshufd(t, t, 0x1b);
  a_.vpshufd(d, a, 0x1b);
  a_.sha1rnds4(d, t, u8(function));
  a_.vpshufd(d, d, 0x1b);
}

// The words are in xmm0.
void Compiler::vector_sha256_rounds(const Inst& inst) {
  if (!features_.sha) return fallback(inst);
  const Xmm a(regs_.xmm(inst.args[0])), b(regs_.xmm(inst.args[1])), c(regs_.xmm(inst.args[2]));
  int work = regs_.temp_xmm(), saved = regs_.temp_xmm();
  if (work == 0) std::swap(work, saved);
  const Xmm words(0), d(work);
  a_.vmovaps(d, a);
  if (saved != 0) a_.vmovaps(Xmm(saved), words);
  if (c.getIdx() != 0) a_.vmovaps(words, c);
  a_.sha256rnds2(d, b.getIdx() == 0 ? Xmm(saved) : b);
  if (saved != 0) a_.vmovaps(words, Xmm(saved));
  const Xmm result(regs_.def_xmm(self(), work));
  if (result.getIdx() != work) a_.vmovaps(result, d);
}

void Compiler::vector_sha256_msg(const Inst& inst) {
  if (!features_.sha) return fallback(inst);
  const Xmm a(regs_.xmm(inst.args[0])), b(regs_.xmm(inst.args[1])), d(regs_.def_xmm(self()));
  a_.vmovaps(d, a);
  inst.op == Op::sha256_msg1 ? a_.sha256msg1(d, b) : a_.sha256msg2(d, b);
}

}  // namespace mimus::baseline
