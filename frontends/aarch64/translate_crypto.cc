// Cryptographic instructions (insns/crypto.def). Where the manual's pseudocode and the IR's ops cut a round in
// different places, the comment says how they meet.
#include "frontends/aarch64/simd_lanes.h"

namespace mimus::aarch64::translate {

using namespace simd;

namespace {

Next set(T& t, const Insn& i, Any value) {
  t.set_v(i.rd(), value);
  return Next::go_on;
}
Any words(T& t, unsigned n) { return full(t, 2, n); }
Any rotate_left(T& t, Any a, unsigned amount) { return t.bin(Op::rotl, a, t.constant_like(a, amount)); }
Any rotate_right(T& t, Any a, unsigned amount) { return t.bin(Op::rotr, a, t.constant_like(a, amount)); }
Any exclusive(T& t, Any a, Any c) { return t.bin(Op::xor_, a, c); }
Any exclusive(T& t, Any a, Any c, Any e) { return exclusive(t, exclusive(t, a, c), e); }
Any rotations(T& t, Any a, unsigned first, unsigned second, unsigned third) {
  return exclusive(t, rotate_right(t, a, first), rotate_right(t, a, second), rotate_right(t, a, third));
}

// Four rounds; the op takes E with the first word.
Next sha1_rounds(T& t, const Insn& i, Op op) {
  const Any w = add(t, words(t, i.rm()), keep(t, words(t, i.rn()), 32));
  return set(t, i, t.bin(op, words(t, i.rd()), w));
}

// Four rounds as two times two, on A, B, E, F and C, D, G, H: the op's order of lanes is F E B A and H G D C.
Next sha256_rounds(T& t, const Insn& i, unsigned abcd, unsigned efgh, bool want_efgh) {
  const Any x = words(t, abcd), y = words(t, efgh), w = words(t, i.rm());
  constexpr u8 kFirst[] = {1, 0, 5, 4}, kSecond[] = {3, 2, 7, 6}, kUpper[] = {2, 3, 2, 3};
  const Any abef = t.shuffle(y, x, kFirst), cdgh = t.shuffle(y, x, kSecond);
  const Any half = t.b.emit(Op::sha256_rounds2, x.type, {cdgh, abef, w});
  const Any whole = t.b.emit(Op::sha256_rounds2, x.type, {abef, half, t.shuffle(w, w, kUpper)});
  constexpr u8 kAbcd[] = {3, 2, 7, 6}, kEfgh[] = {1, 0, 5, 4};
  return set(t, i, t.shuffle(whole, half, want_efgh ? kEfgh : kAbcd));
}

Any lane64(T& t, unsigned n, unsigned index) { return lane(t, t.v(kQ, n), index); }
Any choice(T& t, Any which, Any yes, Any no) {
  return exclusive(t, t.bin(Op::and_, which, yes), t.bin(Op::andn, no, which));
}
Any majority(T& t, Any a, Any c, Any e) {
  return t.bin(Op::or_, t.bin(Op::and_, a, c), t.bin(Op::and_, t.bin(Op::or_, a, c), e));
}
Next set_halves(T& t, const Insn& i, Any low, Any high) {
  const Any value = t.b.emit(Op::splat, kQ, {low});
  return set(t, i, t.b.emit(Op::lane_set, kQ, {value, high}, 1));
}

}  // namespace

// -- AES (FIPS-197): the key is added first --
Next aese(T& t, const Insn& i) {
  return set(t, i, t.un(Op::aes_sub_shift, exclusive(t, full(t, 0, i.rd()), full(t, 0, i.rn()))));
}
Next aesd(T& t, const Insn& i) {
  return set(t, i, t.un(Op::aes_inv_sub_shift, exclusive(t, full(t, 0, i.rd()), full(t, 0, i.rn()))));
}
Next aesmc(T& t, const Insn& i) { return set(t, i, t.un(Op::aes_mix, full(t, 0, i.rn()))); }
Next aesimc(T& t, const Insn& i) { return set(t, i, t.un(Op::aes_inv_mix, full(t, 0, i.rn()))); }

// -- SHA-1 --
Next sha1c(T& t, const Insn& i) { return sha1_rounds(t, i, Op::sha1_ch); }
Next sha1p(T& t, const Insn& i) { return sha1_rounds(t, i, Op::sha1_parity); }
Next sha1m(T& t, const Insn& i) { return sha1_rounds(t, i, Op::sha1_maj); }
Next sha1h(T& t, const Insn& i) { return set(t, i, keep(t, rotate_left(t, words(t, i.rn()), 30), 32)); }
Next sha1su0(T& t, const Insn& i) {
  constexpr u8 kMiddle[] = {1, 2};
  const Any d = t.v(kQ, i.rd());
  return set(t, i, exclusive(t, t.shuffle(d, t.v(kQ, i.rn()), kMiddle), d, t.v(kQ, i.rm())));
}
Next sha1su1(T& t, const Insn& i) {
  constexpr u8 kDown[] = {1, 2, 3, 4}, kFirstLast[] = {4, 4, 4, 0};
  const Any zero = zeros(t, 2);
  const Any w = exclusive(t, words(t, i.rd()), t.shuffle(words(t, i.rn()), zero, kDown));
  const Any rotated = rotate_left(t, w, 1);
  return set(t, i, exclusive(t, rotated, rotate_left(t, t.shuffle(rotated, zero, kFirstLast), 1)));
}

// -- SHA-256 --
Next sha256h(T& t, const Insn& i) { return sha256_rounds(t, i, i.rd(), i.rn(), false); }
Next sha256h2(T& t, const Insn& i) { return sha256_rounds(t, i, i.rn(), i.rd(), true); }
Next sha256su0(T& t, const Insn& i) { return set(t, i, t.bin(Op::sha256_msg1, words(t, i.rd()), words(t, i.rn()))); }
Next sha256su1(T& t, const Insn& i) {
  constexpr u8 kDown[] = {1, 2, 3, 4};
  const Any m = words(t, i.rm());
  const Any sum = add(t, words(t, i.rd()), t.shuffle(words(t, i.rn()), m, kDown));
  return set(t, i, t.bin(Op::sha256_msg2, sum, m));
}

// -- SHA-512: two rounds, on general registers --
Next sha512h(T& t, const Insn& i) {
  const Any x0 = lane64(t, i.rn(), 0), x1 = lane64(t, i.rn(), 1), y0 = lane64(t, i.rm(), 0), y1 = lane64(t, i.rm(), 1);
  const Any first = add(t, choice(t, y1, x0, x1), rotations(t, y1, 14, 18, 41));
  const Any high = add(t, first, lane64(t, i.rd(), 1)), e = add(t, high, y0);
  const Any second = add(t, choice(t, e, y1, x0), rotations(t, e, 14, 18, 41));
  return set_halves(t, i, add(t, second, lane64(t, i.rd(), 0)), high);
}
Next sha512h2(T& t, const Insn& i) {
  const Any x0 = lane64(t, i.rn(), 0), y0 = lane64(t, i.rm(), 0), y1 = lane64(t, i.rm(), 1);
  const Any first = add(t, majority(t, x0, y1, y0), rotations(t, y0, 28, 34, 39));
  const Any high = add(t, first, lane64(t, i.rd(), 1));
  const Any second = add(t, majority(t, high, y0, y1), rotations(t, high, 28, 34, 39));
  return set_halves(t, i, add(t, second, lane64(t, i.rd(), 0)), high);
}
Next sha512su0(T& t, const Insn& i) {
  constexpr u8 kMiddle[] = {1, 2};
  const Any d = t.v(kQ, i.rd()), next = t.shuffle(d, t.v(kQ, i.rn()), kMiddle);
  const Any sigma = exclusive(t, rotate_right(t, next, 1), rotate_right(t, next, 8), shift_right(t, next, 7, false));
  return set(t, i, add(t, d, sigma));
}
Next sha512su1(T& t, const Insn& i) {
  const Any n = t.v(kQ, i.rn());
  const Any sigma = exclusive(t, rotate_right(t, n, 19), rotate_right(t, n, 61), shift_right(t, n, 6, false));
  return set(t, i, add(t, add(t, t.v(kQ, i.rd()), sigma), t.v(kQ, i.rm())));
}

// -- SHA-3 --
Next eor3(T& t, const Insn& i) { return set(t, i, exclusive(t, t.v(kQ, i.rn()), t.v(kQ, i.rm()), t.v(kQ, i.ra()))); }
Next bcax(T& t, const Insn& i) {
  return set(t, i, exclusive(t, t.v(kQ, i.rn()), t.bin(Op::andn, t.v(kQ, i.rm()), t.v(kQ, i.ra()))));
}
Next rax1(T& t, const Insn& i) { return set(t, i, exclusive(t, t.v(kQ, i.rn()), rotate_left(t, t.v(kQ, i.rm()), 1))); }
Next xar(T& t, const Insn& i) {
  return set(t, i, rotate_right(t, exclusive(t, t.v(kQ, i.rn()), t.v(kQ, i.rm())), i.imm6()));
}

}  // namespace mimus::aarch64::translate
