// Memory copy and memory set (insns/mops.def), by what the manual calls option A. The prologue puts the registers into
// its form: Xn is the negated count, the addresses are the ends; only copies that go backward keep count and starts.
// The main instruction does nothing, which the architecture allows, and the epilogue everything, a part at a time in a
// helper, so that interrupts and faults find the registers as they have to be.
#include "frontends/aarch64/translator.h"

namespace mimus::aarch64::translate {

using ir::I1;
using ir::I64;
using ir::Op;
using T = Translator;

namespace {

constexpr u64 kMostSet = ~u64{0} >> 1, kMostCopied = (u64{1} << 55) - 1;

I64 least(T& t, I64 a, u64 limit) { return I64::from(t.bin(Op::umin, a, t.b.constant(limit))); }

void clear_flags(T& t) {
  const I1 clear = t.b.constant<I1>(0);
  t.set_flags({clear, clear, clear, clear});
}
// C is set by option B, which is not ours: Memory Copy and Memory Set exception.
void check_option(T& t, const Insn& i, bool is_set, bool epilogue) {
  const u32 options = i.get(12, is_set ? 2 : 4);
  const u32 iss = u32(is_set) << 24 | options << 19 | u32(epilogue) << 18 | 1u << 17 | 1u << 16 | i.rd() << 10 |
                  i.rs() << 5 | i.rn();
  t.trap_if(t.flags().c, syndrome(kEcMops, iss), 0);
}

Next finish(T& t, const Insn& i, bool is_set) {
  check_option(t, i, is_set, true);
  const I64 left = I64::from(t.call_leaving(kHelper_memory_operation, ir::i64, {t.b.constant(i.raw)}));
  t.b.exit_if(t.compare(Op::ne, left, t.b.constant(0)), {.kind = ir::Exit::Kind::jump, .target = t.pc});
  return Next::go_on;
}

}  // namespace

Next setp(T& t, const Insn& i) {
  const I64 count = least(t, t.x(i.rn()), kMostSet);
  t.set_x(i.rd(), t.b.add(t.x(i.rd()), count));
  t.set_x(i.rn(), t.un(Op::neg, count));
  clear_flags(t);
  return Next::go_on;
}
Next cpyfp(T& t, const Insn& i) {
  const I64 count = least(t, t.x(i.rn()), kMostSet);
  t.set_x(i.rd(), t.b.add(t.x(i.rd()), count));
  t.set_x(i.rs(), t.b.add(t.x(i.rs()), count));
  t.set_x(i.rn(), t.un(Op::neg, count));
  clear_flags(t);
  return Next::go_on;
}
// Backward if the destination begins inside the source; the tags of addresses do not count.
Next cpyp(T& t, const Insn& i) {
  const I64 to = t.x(i.rd()), from = t.x(i.rs()), count = least(t, t.x(i.rn()), kMostCopied);
  const I64 place = t.b.constant((u64{1} << 56) - 1);
  const I64 low = t.b.and_(from, place), high = t.b.and_(to, place);
  const I1 backward = t.b.and_(t.compare(Op::ult, low, high), t.compare(Op::ult, high, t.b.add(low, count)));
  const I64 moved = I64::from(t.select(backward, t.b.constant(0), count));
  t.set_x(i.rd(), t.b.add(to, moved));
  t.set_x(i.rs(), t.b.add(from, moved));
  t.set_x(i.rn(), t.select(backward, count, t.un(Op::neg, count)));
  clear_flags(t);
  return Next::go_on;
}
Next mops_main(T& t, const Insn& i) {
  check_option(t, i, i.get(22, 2) == 3, false);
  return Next::go_on;
}
Next sete(T& t, const Insn& i) { return finish(t, i, true); }
Next cpye(T& t, const Insn& i) { return finish(t, i, false); }

}  // namespace mimus::aarch64::translate
