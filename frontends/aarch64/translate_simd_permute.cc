// Copies, immediates and permutations (insns/simd_permute.def).
#include "frontends/aarch64/simd_lanes.h"

namespace mimus::aarch64::translate {

using namespace simd;

namespace {

unsigned vector_bits(const Insn& i) { return i.q() ? 128 : 64; }

// imm5 of copies: the lowest bit set is the lane's size, the bits above it the index.
struct CopyLane {
  unsigned size, index;
};
CopyLane copy_lane(const Insn& i) {
  const unsigned imm5 = i.get(16, 5), size = unsigned(std::countr_zero(imm5));
  return {size, imm5 >> (size + 1)};
}
Any from_general(T& t, unsigned size, unsigned n) { return t.convert(Op::trunc, lane_of(lanes(size)), t.x(n)); }

Any wide_constant(T& t, u64 low, u64 high) {
  std::vector<u8>& pool = t.b.block().pool;
  const u64 at = pool.size();
  for (u64 half : {low, high})
    for (unsigned k = 0; k < 8; ++k) pool.push_back(u8(half >> 8 * k));
  return t.b.emit(Op::constant_wide, kQ, {}, at);
}

// AdvSIMDExpandImm of the manual.
u64 expanded_immediate(const Insn& i) {
  const u64 imm8 = u64(i.imm);
  const unsigned cmode = i.get(12, 4);
  const bool op = i.get(29, 1);
  const auto words = [](u64 word) { return word | word << 32; };
  const auto halves = [&](u64 half) { return words(half | half << 16); };
  switch (cmode >> 1) {
    case 0:
    case 1:
    case 2:
    case 3: return words(imm8 << 8 * (cmode >> 1));
    case 4: return halves(imm8);
    case 5: return halves(imm8 << 8);
    case 6: return words(cmode & 1 ? imm8 << 16 | 0xffff : imm8 << 8 | 0xff);
    default: break;
  }
  if (!op) return imm8 * 0x0101010101010101;
  u64 bytes = 0;
  for (unsigned k = 0; k < 8; ++k)
    if (imm8 >> k & 1) bytes |= u64{0xff} << 8 * k;
  return bytes;
}
Next move_immediate(T& t, const Insn& i, u64 value) {
  t.set_v(i.rd(), i.q() ? t.constant(kQ, value) : wide_constant(t, value, 0));
  return Next::go_on;
}

template <class F>
Next permutation(T& t, const Insn& i, F source) {
  const unsigned size = lane_size(i);
  Any a = full(t, size, i.rn()), m = full(t, size, i.rm());
  // 64-bit vectors: m's low half takes the place of n's upper one.
  const unsigned count = lane_count(size) / (i.q() ? 1 : 2);
  if (!i.q()) a = m = join_halves(t, a, m);
  return put(t, i, permute(t, a, m, [&](unsigned k) { return source(k % count, count); }), vector_bits(i));
}

// Elements of `width` bytes in reverse order within `container` bytes.
Next reverse(T& t, const Insn& i, unsigned container) {
  const unsigned size = lane_size(i), flip = (container >> size) - 1;
  const Any a = full(t, size, i.rn());
  return put(t, i, permute(t, a, a, [&](unsigned k) { return k ^ flip; }), vector_bits(i));
}

// The bytes of up to four registers; 0 for an index beyond them.
Any look_up(T& t, const Insn& i, Any index) {
  Any result;
  for (unsigned r = 0; r <= i.get(13, 2); ++r) {
    const Any at = r == 0 ? index : sub(t, index, t.constant_like(index, 16 * r));
    const Any found = t.bin(Op::lane_pick, full(t, 0, (i.rn() + r) % 32), at);
    result = r == 0 ? found : t.bin(Op::or_, result, found);
  }
  return result;
}

}  // namespace

// -- copy --
Next dup_element(T& t, const Insn& i) {
  const auto [size, index] = copy_lane(i);
  return put(t, i, repeat(t, full(t, size, i.rn()), index), result_bits(i, size));
}
Next dup_general(T& t, const Insn& i) {
  const unsigned size = copy_lane(i).size;
  return put(t, i, t.b.emit(Op::splat, lanes(size), {from_general(t, size, i.rn())}), vector_bits(i));
}
Next smov(T& t, const Insn& i) {
  const auto [size, index] = copy_lane(i);
  const Any value = lane(t, full(t, size, i.rn()), index);
  t.set_x(i.rd(), t.convert(Op::sext, i.q() ? ir::i64 : ir::i32, value));
  return Next::go_on;
}
Next umov(T& t, const Insn& i) {
  const auto [size, index] = copy_lane(i);
  t.set_x(i.rd(), lane(t, full(t, size, i.rn()), index));
  return Next::go_on;
}
Next ins_general(T& t, const Insn& i) {
  const auto [size, index] = copy_lane(i);
  t.set_v(i.rd(), t.b.emit(Op::lane_set, lanes(size), {full(t, size, i.rd()), from_general(t, size, i.rn())}, index));
  return Next::go_on;
}
Next ins_element(T& t, const Insn& i) {
  const auto [size, to] = copy_lane(i);
  const unsigned from = i.get(11, 4) >> size, count = lane_count(size), at = to;
  t.set_v(i.rd(), permute(t, full(t, size, i.rd()), full(t, size, i.rn()),
                          [&](unsigned k) { return k == at ? count + from : k; }));
  return Next::go_on;
}

// -- modified immediate --
Next movi(T& t, const Insn& i) { return move_immediate(t, i, expanded_immediate(i)); }
Next mvni(T& t, const Insn& i) { return move_immediate(t, i, ~expanded_immediate(i)); }
Next orr_imm_vector(T& t, const Insn& i) {
  return put(t, i, t.bin(Op::or_, t.v(kQ, i.rd()), t.constant(kQ, expanded_immediate(i))), vector_bits(i));
}
Next bic_imm_vector(T& t, const Insn& i) {
  return put(t, i, t.bin(Op::and_, t.v(kQ, i.rd()), t.constant(kQ, ~expanded_immediate(i))), vector_bits(i));
}

// -- permute: lane k of the result is lane source(k, lanes) of n and m together --
Next uzp1(T& t, const Insn& i) {
  return permutation(t, i, [](unsigned k, unsigned) { return 2 * k; });
}
Next uzp2(T& t, const Insn& i) {
  return permutation(t, i, [](unsigned k, unsigned) { return 2 * k + 1; });
}
Next trn1(T& t, const Insn& i) {
  return permutation(t, i, [](unsigned k, unsigned n) { return (k & ~1u) + (k & 1 ? n : 0); });
}
Next trn2(T& t, const Insn& i) {
  return permutation(t, i, [](unsigned k, unsigned n) { return (k | 1) + (k & 1 ? n : 0); });
}
Next zip1(T& t, const Insn& i) {
  return permutation(t, i, [](unsigned k, unsigned n) { return k / 2 + (k & 1 ? n : 0); });
}
Next zip2(T& t, const Insn& i) {
  return permutation(t, i, [](unsigned k, unsigned n) { return (n + k) / 2 + (k & 1 ? n : 0); });
}
Next ext(T& t, const Insn& i) {
  Any a = full(t, 0, i.rn()), m = full(t, 0, i.rm());
  if (!i.q()) a = m = join_halves(t, a, m);
  const unsigned first = i.get(11, 4);
  return put(t, i, permute(t, a, m, [&](unsigned k) { return first + k; }), vector_bits(i));
}
Next rev16_vector(T& t, const Insn& i) { return reverse(t, i, 2); }
Next rev32_vector(T& t, const Insn& i) { return reverse(t, i, 4); }
Next rev64_vector(T& t, const Insn& i) { return reverse(t, i, 8); }

// -- table lookup --
Next tbl(T& t, const Insn& i) { return put(t, i, look_up(t, i, full(t, 0, i.rm())), vector_bits(i)); }
Next tbx(T& t, const Insn& i) {
  const Any index = full(t, 0, i.rm());
  const Any inside = test(t, Op::ult, index, t.constant_like(index, 16 * (i.get(13, 2) + 1)));
  return put(t, i, t.bin(Op::or_, look_up(t, i, index), t.bin(Op::andn, full(t, 0, i.rd()), inside)), vector_bits(i));
}

}  // namespace mimus::aarch64::translate
