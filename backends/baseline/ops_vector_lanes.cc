// Moving lanes about: splat, access, permutations, sums of all lanes.
#include <algorithm>
#include <ranges>

#include "backends/baseline/compiler.h"

namespace mimus::baseline {

using ir::Elem;
using ir::Inst;
using ir::Op;
using Xbyak::Operand;
using Xbyak::Xmm;
using namespace Xbyak::util;

namespace {

bool in_sse(ir::Type scalar) { return scalar == ir::f32 || scalar == ir::f64; }
bool has_sizes(ir::Type vector) { return vector.lane_bits() >= 8 && vector.lane_bits() <= 64; }
u64 word_of(std::span<const u8> bytes) {
  u64 word = 0;
  for (unsigned k = 0; k < 8; ++k) word |= u64{bytes[k]} << 8 * k;
  return word;
}
bool is_zero(const Inst& inst) { return inst.op == Op::constant && inst.imm == 0; }

}  // namespace

void Compiler::vector_splat(const Inst& inst) {
  const unsigned width = inst.type.lane_bits();
  if (!features_.avx2 || !has_sizes(inst.type) || (inst.type.is_float() && width < 32)) return fallback(inst);
  if (in_sse(type_of(inst.args[0])) && !regs_.in_gpr(inst.args[0])) {
    const Xmm a(regs_.xmm(inst.args[0])), d(regs_.def_xmm(self(), a.getIdx()));
    return width == 32 ? a_.vpbroadcastd(d, a) : a_.vpbroadcastq(d, a);
  }
  const int a = regs_.gpr(inst.args[0]);
  const Xmm d(regs_.def_xmm(self()));
  if (width == 64) {
    a_.vmovq(d, Xbyak::Reg64(a));
    return a_.vpbroadcastq(d, d);
  }
  a_.vmovd(d, Xbyak::Reg32(a));
  width == 8 ? a_.vpbroadcastb(d, d) : width == 16 ? a_.vpbroadcastw(d, d) : a_.vpbroadcastd(d, d);
}

void Compiler::vector_lane_get(const Inst& inst) {
  const unsigned width = inst.type.lane_bits(), lane = unsigned(inst.imm);
  if (!has_sizes(type_of(inst.args[0])) || (inst.type.is_float() && width < 32)) return fallback(inst);
  const Xmm a(regs_.xmm(inst.args[0]));
  if (in_sse(inst.type)) {
    const Xmm d(regs_.def_xmm(self(), a.getIdx()));
    if (lane == 0) {
      if (d.getIdx() != a.getIdx()) a_.vmovaps(d, a);
    } else {
      a_.vpshufd(d, a, width == 32 ? u8(lane) : u8(0xee));
    }
    return;
  }
  const int d = regs_.def_gpr(self());
  const Xbyak::Reg32 d32(d);
  if (width == 64)
    lane ? a_.vpextrq(Xbyak::Reg64(d), a, u8(lane)) : a_.vmovq(Xbyak::Reg64(d), a);
  else if (width == 32)
    lane ? a_.vpextrd(d32, a, u8(lane)) : a_.vmovd(d32, a);
  else if (width == 16)
    a_.vpextrw(d32, a, u8(lane));
  else
    a_.vpextrb(d32, a, u8(lane));
}

void Compiler::vector_lane_set(const Inst& inst) {
  const unsigned width = inst.type.lane_bits(), lane = unsigned(inst.imm);
  const ir::Type element = type_of(inst.args[1]);
  if (!has_sizes(inst.type) || (inst.type.is_float() && width < 32)) return fallback(inst);
  if (in_sse(element) && !regs_.in_gpr(inst.args[1])) {
    const Xmm a(regs_.xmm(inst.args[0])), b(regs_.xmm(inst.args[1])), d(regs_.def_xmm(self(), a.getIdx()));
    if (width == 32) return a_.vinsertps(d, a, b, u8(lane << 4));
    return lane ? a_.vunpcklpd(d, a, b) : a_.vmovsd(d, a, b);
  }
  if (lane == 0 && is_zero(def(facts_[inst.args[0]].root))) {  // a scalar, zeros above it
    const int b = width < 32 ? extended(inst.args[1], Ext::zero, 32) : regs_.gpr(inst.args[1]);
    const Xmm d(regs_.def_xmm(self()));
    return width == 64 ? a_.vmovq(d, Xbyak::Reg64(b)) : a_.vmovd(d, Xbyak::Reg32(b));
  }
  const Xmm a(regs_.xmm(inst.args[0]));
  const int b = regs_.gpr(inst.args[1]);
  const Xmm d(regs_.def_xmm(self(), a.getIdx()));
  const Xbyak::Reg32 b32(b);
  if (width == 64)
    a_.vpinsrq(d, a, Xbyak::Reg64(b), u8(lane));
  else if (width == 32)
    a_.vpinsrd(d, a, b32, u8(lane));
  else if (width == 16)
    a_.vpinsrw(d, a, b32, u8(lane));
  else
    a_.vpinsrb(d, a, b32, u8(lane));
}

// PSHUFB takes four bits of the index and gives 0 where bit 7 is set: so it is from 16 on.
void Compiler::vector_lane_pick(const Inst& inst) {
  const ir::Type bytes = ir::vec(Elem::i8, 16);
  if (inst.type != bytes || type_of(inst.args[1]) != bytes) return fallback(inst);
  const Xmm a(regs_.xmm(inst.args[0])), b(regs_.xmm(inst.args[1])), t(regs_.temp_xmm());
  const u64 above = 0x7070707070707070;
  with_constant(above, above, [&](const Operand& k) { a_.vpaddusb(t, b, k); });
  a_.vpshufb(Xmm(regs_.def_xmm(self(), a.getIdx(), b.getIdx())), a, t);
}

// A permutation of one register: byte k is byte bytes[k], zero from 0x80 on. True if one instruction does it.
bool Compiler::vector_shuffle_one(const Xmm& to, int from, std::span<const u8> bytes) {
  const Xmm a(from);
  const auto is = [&](auto index) {
    for (unsigned k = 0; k < 16; ++k)
      if (bytes[k] != index(k)) return false;
    return true;
  };
  if (is([](unsigned k) { return k < 8 ? k : 0x80u; })) return a_.vmovq(to, a), true;
  u8 order = 0;
  bool words = true;
  for (unsigned k = 0; k < 16; ++k) {
    words &= bytes[k] < 16 && bytes[k] == (bytes[k & ~3u] & ~3u) + k % 4;
    if (k % 4 == 0) order |= u8((bytes[k] >> 2 & 3) << k / 2);
  }
  if (words) return a_.vpshufd(to, a, order), true;
  with_constant(word_of(bytes), word_of(bytes.subspan(8)), [&](const Operand& k) { a_.vpshufb(to, a, k); });
  return true;
}

void Compiler::vector_shuffle(const Inst& inst) {
  if (!has_sizes(inst.type)) return fallback(inst);
  const u8* lanes = block_->pool.data() + inst.imm;
  const unsigned count = inst.type.lanes, width = 16 / count;
  const bool zero_b = is_zero(def(facts_[inst.args[1]].root));
  const bool same = facts_[inst.args[0]].root == facts_[inst.args[1]].root;
  std::array<u8, 16> bytes;  // 0-15 of a, 16-31 of b
  bool from_a = false, from_b = false;
  for (unsigned k = 0; k < 16; ++k) {
    bytes[k] = u8(lanes[k / width] * width + k % width);
    if (same) bytes[k] &= 15;
    (bytes[k] < 16 ? from_a : from_b) = true;
  }
  if (!from_b || !from_a || zero_b) {  // one register
    if (zero_b && from_b)
      for (u8& byte : bytes) byte = byte < 16 ? byte : 0x80;
    const bool a = from_a || zero_b;
    for (u8& byte : bytes) byte = a ? byte : u8(byte & 15);
    const int from = regs_.xmm(inst.args[a ? 0 : 1]);
    vector_shuffle_one(Xmm(regs_.def_xmm(self(), from)), from, bytes);
    return;
  }
  const Xmm a(regs_.xmm(inst.args[0])), b(regs_.xmm(inst.args[1]));
  const auto is = [&](auto lane) {
    for (unsigned k = 0; k < count; ++k)
      if (lanes[k] != lane(k)) return false;
    return true;
  };
  using Avx = void (Xbyak::CodeGenerator::*)(const Xmm&, const Xmm&, const Operand&);
  using G = Xbyak::CodeGenerator;
  static constexpr Avx kLow[] = {&G::vpunpcklbw, &G::vpunpcklwd, &G::vpunpckldq, &G::vpunpcklqdq};
  static constexpr Avx kHigh[] = {&G::vpunpckhbw, &G::vpunpckhwd, &G::vpunpckhdq, &G::vpunpckhqdq};
  const unsigned size = unsigned(std::countr_zero(width));
  for (const bool swapped : {false, true}) {
    const Xmm first = swapped ? b : a, second = swapped ? a : b;
    const auto other = [&](unsigned lane) { return swapped ? (lane + count) % (2 * count) : lane; };
    const auto define = [&] { return Xmm(regs_.def_xmm(self(), a.getIdx(), b.getIdx())); };
    if (is([&](unsigned k) { return other(k / 2 + (k & 1) * count); }))
      return (a_.*kLow[size])(define(), first, second);
    if (is([&](unsigned k) { return other((count + k) / 2 + (k & 1) * count); }))
      return (a_.*kHigh[size])(define(), first, second);
    const unsigned shift = swapped ? (bytes[0] + 16u) % 32 : bytes[0];  // consecutive bytes
    bool consecutive = shift < 16;
    for (unsigned k = 0; k < 16; ++k) consecutive &= (swapped ? (bytes[k] + 16u) % 32 : bytes[k]) == shift + k;
    if (consecutive) return a_.vpalignr(define(), second, first, u8(shift));
    // Two lanes of 32 bits of each.
    u8 order = 0;
    bool words = width >= 4;
    for (unsigned k = 0; k < 4; ++k) {
      const unsigned word = (swapped ? (bytes[4 * k] + 16u) % 32 : bytes[4 * k]) / 4;
      words &= (word >= 4) == (k >= 2);
      order |= u8((word & 3) << 2 * k);
    }
    if (words) return a_.vshufps(define(), first, second, order);
  }
  if (std::ranges::all_of(std::views::iota(0u, 16u), [&](unsigned k) { return bytes[k] % 16 == k; }) && width > 1) {
    u8 mask = 0;  // lanes that stay where they are: a blend
    for (unsigned k = 0; k < 8; ++k) mask |= u8((bytes[2 * k] >= 16) << k);
    return a_.vpblendw(Xmm(regs_.def_xmm(self(), a.getIdx(), b.getIdx())), a, b, mask);
  }
  std::array<u8, 16> of_a, of_b;
  for (unsigned k = 0; k < 16; ++k) {
    of_a[k] = bytes[k] < 16 ? bytes[k] : 0x80;
    of_b[k] = bytes[k] < 16 ? 0x80 : u8(bytes[k] - 16);
  }
  const Xmm t(regs_.temp_xmm()), d(regs_.def_xmm(self()));
  with_constant(word_of(of_a), word_of(std::span(of_a).subspan(8)), [&](const Operand& k) { a_.vpshufb(d, a, k); });
  with_constant(word_of(of_b), word_of(std::span(of_b).subspan(8)), [&](const Operand& k) { a_.vpshufb(t, b, k); });
  a_.vpor(d, d, t);
}

// The upper half on the lower, and so on.
void Compiler::vector_reduce(const Inst& inst) {
  const unsigned width = inst.type.lane_bits();
  if (width < 8 || width > 64) return fallback(inst);
  const Xmm a(regs_.xmm(inst.args[0])), t(regs_.temp_xmm()), u(regs_.temp_xmm());
  const bool adds = inst.op == Op::reduce_add;
  const int d = regs_.def_gpr(self());
  if (adds && width == 8) {  // absolute differences from 0, summed in halves
    a_.vpxor(t, t, t);
    a_.vpsadbw(t, a, t);
    a_.vpshufd(u, t, 0xee);
    a_.vpaddd(t, t, u);
    return a_.vmovd(Xbyak::Reg32(d), t);
  }
  const auto join = [&](const Xmm& x, const Xmm& y) {
    if (!adds)
      a_.vpor(t, x, y);
    else if (width == 16)
      a_.vpaddw(t, x, y);
    else
      width == 32 ? a_.vpaddd(t, x, y) : a_.vpaddq(t, x, y);
  };
  a_.vpshufd(u, a, 0xee);
  join(a, u);
  if (width == 64) return a_.vmovq(Xbyak::Reg64(d), t);
  a_.vpshufd(u, t, 0x55);
  join(t, u);
  for (unsigned step = 16; step >= width; step /= 2) {
    a_.vpsrld(u, t, u8(step));
    join(t, u);
  }
  a_.vmovd(Xbyak::Reg32(d), t);
}

}  // namespace mimus::baseline
