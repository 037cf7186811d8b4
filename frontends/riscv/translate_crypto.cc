// Zbkb, Zbkx, Zkn*, Zks*, Zimop (insns/zk.def), and the parts of Zcb that expand to nothing else (insns/zc.def).
#include "frontends/riscv/crypto.h"
#include "frontends/riscv/translator.h"

namespace mimus::riscv::translate {

using ir::I32;
using ir::I64;
using ir::I8;
using ir::Op;
using T = Translator;

namespace {

Next set(T& t, const Insn& i, I64 value) {
  t.set_x(i.rd, value);
  return Next::go_on;
}
Next set_w(T& t, const Insn& i, I32 value) {
  t.set_w(i.rd, value);
  return Next::go_on;
}

// rotr(x, a) ^ rotr(x, b) ^ (rotr or lshr)(x, c)
template <class V>
V three_rotations(T& t, V x, unsigned a, unsigned b, unsigned c, Op last = Op::rotr) {
  auto turned = [&](Op op, unsigned n) { return t.b.bin(op, x, t.b.constant<V>(n)); };
  return t.b.xor_(t.b.xor_(turned(Op::rotr, a), turned(Op::rotr, b)), turned(last, c));
}
Next sha256(T& t, const Insn& i, unsigned a, unsigned b, unsigned c, Op last) {
  return set_w(t, i, three_rotations(t, t.w(i.rs1), a, b, c, last));
}
Next sha512(T& t, const Insn& i, unsigned a, unsigned b, unsigned c, Op last) {
  return set(t, i, three_rotations(t, t.x(i.rs1), a, b, c, last));
}
// x ^ rotl(x, a) ^ rotl(x, b)
Next sm3(T& t, const Insn& i, unsigned a, unsigned b) {
  I32 x = t.w(i.rs1);
  auto turned = [&](unsigned n) { return t.b.bin(Op::rotl, x, t.b.constant<I32>(n)); };
  return set_w(t, i, t.b.xor_(t.b.xor_(x, turned(a)), turned(b)));
}

I64 pure(T& t, unsigned helper, std::initializer_list<ir::Any> args) {
  return I64::from(t.call(helper, ir::i64, args));
}
Next aes(T& t, const Insn& i, AesStep step) {
  return set(t, i, pure(t, kHelper_aes64_round, {t.x(i.rs1), t.x(i.rs2), t.b.constant(u64(step))}));
}
Next sm4(T& t, const Insn& i, bool key_schedule) {
  const u64 what = u64(i.imm) | u64(key_schedule) << 2;
  I64 result = pure(t, kHelper_sm4, {t.x(i.rs1), t.x(i.rs2), t.b.constant(what)});
  return set_w(t, i, t.b.trunc<I32>(result));
}

}  // namespace

Next pack(T& t, const Insn& i) { return set(t, i, t.b.bin(Op::insert, t.x(i.rs1), t.x(i.rs2), 32 | 32 << 8)); }
Next packh(T& t, const Insn& i) {
  I64 low = t.b.and_(t.x(i.rs1), t.b.constant(0xff)), high = t.b.and_(t.x(i.rs2), t.b.constant(0xff));
  return set(t, i, t.b.or_(t.b.shl(high, t.b.constant(8)), low));
}
Next packw(T& t, const Insn& i) { return set_w(t, i, t.b.bin(Op::insert, t.w(i.rs1), t.w(i.rs2), 16 | 16 << 8)); }
Next brev8(T& t, const Insn& i) { return t.unary(i, Op::bitreverse8); }
Next xperm4(T& t, const Insn& i) { return set(t, i, pure(t, kHelper_xperm4, {t.x(i.rs1), t.x(i.rs2)})); }
Next xperm8(T& t, const Insn& i) {
  using Bytes = ir::Value<ir::Elem::i8, 8>;
  Bytes picked = t.b.bin(Op::lane_pick, t.b.bitcast<Bytes>(t.x(i.rs1)), t.b.bitcast<Bytes>(t.x(i.rs2)));
  return set(t, i, t.b.bitcast<I64>(picked));
}

Next aes64es(T& t, const Insn& i) { return aes(t, i, AesStep::encrypt_last); }
Next aes64esm(T& t, const Insn& i) { return aes(t, i, AesStep::encrypt); }
Next aes64ds(T& t, const Insn& i) { return aes(t, i, AesStep::decrypt_last); }
Next aes64dsm(T& t, const Insn& i) { return aes(t, i, AesStep::decrypt); }
Next aes64im(T& t, const Insn& i) { return set(t, i, pure(t, kHelper_aes64_inverse_mix, {t.x(i.rs1)})); }
Next aes64ks1i(T& t, const Insn& i) {
  if (i.imm > 10) return t.illegal(i);
  return set(t, i, pure(t, kHelper_aes64_key1, {t.x(i.rs1), t.b.constant(u64(i.imm))}));
}
Next aes64ks2(T& t, const Insn& i) {
  I64 a = t.x(i.rs1), b = t.x(i.rs2);
  I64 low = t.b.xor_(t.b.lshr(a, t.b.constant(32)), b);  // both words of rs2 with the high word of rs1
  I64 high = t.b.xor_(t.b.shl(low, t.b.constant(32)), b);
  return set(t, i, t.b.bin(Op::insert, low, t.b.lshr(high, t.b.constant(32)), 32 | 32 << 8));
}

Next sha256sum0(T& t, const Insn& i) { return sha256(t, i, 2, 13, 22, Op::rotr); }
Next sha256sum1(T& t, const Insn& i) { return sha256(t, i, 6, 11, 25, Op::rotr); }
Next sha256sig0(T& t, const Insn& i) { return sha256(t, i, 7, 18, 3, Op::lshr); }
Next sha256sig1(T& t, const Insn& i) { return sha256(t, i, 17, 19, 10, Op::lshr); }
Next sha512sum0(T& t, const Insn& i) { return sha512(t, i, 28, 34, 39, Op::rotr); }
Next sha512sum1(T& t, const Insn& i) { return sha512(t, i, 14, 18, 41, Op::rotr); }
Next sha512sig0(T& t, const Insn& i) { return sha512(t, i, 1, 8, 7, Op::lshr); }
Next sha512sig1(T& t, const Insn& i) { return sha512(t, i, 19, 61, 6, Op::lshr); }

Next sm4ed(T& t, const Insn& i) { return sm4(t, i, false); }
Next sm4ks(T& t, const Insn& i) { return sm4(t, i, true); }
Next sm3p0(T& t, const Insn& i) { return sm3(t, i, 9, 17); }
Next sm3p1(T& t, const Insn& i) { return sm3(t, i, 15, 23); }

Next mop(T& t, const Insn& i) { return set(t, i, t.b.constant(0)); }
Next zext_b(T& t, const Insn& i) { return set(t, i, t.b.and_(t.x(i.rs1), t.b.constant(0xff))); }
Next c_not(T& t, const Insn& i) { return set(t, i, t.b.not_(t.x(i.rs1))); }

}  // namespace mimus::riscv::translate
