// Cryptography: AES (FIPS-197), SHA-1 and SHA-256 (FIPS-180-4), the carry-less product of 64-bit lanes. And products of
// half lanes, which are the other ops made for special host instructions.
#include <array>

#include "backends/interp/lanes.h"

namespace mimus::interp {

namespace {

using State = std::array<u8, 16>;
using Words = std::array<u32, 4>;

// A handler that is F of up to three values of 16 bytes.
template <class F, class V>
const Record* run_block1(const Record* r, u8* frame, CpuState*) {
  put(frame + r->result, F{}(get<V>(frame + r->a)));
  return r + 1;
}
template <class F, class V>
const Record* run_block2(const Record* r, u8* frame, CpuState*) {
  put(frame + r->result, F{}(get<V>(frame + r->a), get<V>(frame + r->b)));
  return r + 1;
}
template <class F, class V>
const Record* run_block3(const Record* r, u8* frame, CpuState*) {
  put(frame + r->result, F{}(get<V>(frame + r->a), get<V>(frame + r->b), get<V>(frame + r->c)));
  return r + 1;
}
template <class V, unsigned Operands, class F>
Handler block(Lowering& l, F) {
  l.use(Operands);
  if constexpr (Operands == 1)
    return run_block1<F, V>;
  else if constexpr (Operands == 2)
    return run_block2<F, V>;
  else
    return run_block3<F, V>;
}

// -- AES: bytes are elements of GF(2^8) modulo x^8 + x^4 + x^3 + x + 1 --

constexpr u8 doubled(u8 a) { return u8(a << 1 ^ (a & 0x80 ? 0x1b : 0)); }
constexpr u8 times(u8 a, u8 b) {
  u8 product = 0;
  for (; b; b >>= 1, a = doubled(a))
    if (b & 1) product ^= a;
  return product;
}
// The affine transformation of the inverse. 3 generates the group: its powers run backwards for the inverses.
constexpr std::array<u8, 256> make_sbox() {
  std::array<u8, 256> power{}, box{};
  power[0] = 1;
  for (unsigned k = 1; k < 255; ++k) power[k] = u8(power[k - 1] ^ doubled(power[k - 1]));
  box[0] = 0x63;
  for (unsigned k = 0; k < 255; ++k) {
    const u8 inverse = power[(255 - k) % 255];
    u8 y = 0x63;
    for (int n = 0; n < 5; ++n) y = u8(y ^ std::rotl(inverse, n));
    box[power[k]] = y;
  }
  return box;
}
constexpr std::array<u8, 256> inverse_of(const std::array<u8, 256>& box) {
  std::array<u8, 256> inverse{};
  for (unsigned x = 0; x < 256; ++x) inverse[box[x]] = u8(x);
  return inverse;
}
constexpr std::array<u8, 256> kSbox = make_sbox(), kInverseSbox = inverse_of(kSbox);
static_assert(kSbox[0x53] == 0xed);

// Row r of column c is byte r + 4 * c; rows move r columns.
State sub_shift(const State& a, const std::array<u8, 256>& box, unsigned columns) {
  State to;
  for (unsigned c = 0; c < 4; ++c)
    for (unsigned r = 0; r < 4; ++r) to[r + 4 * c] = box[a[r + 4 * ((c + columns * r) % 4)]];
  return to;
}
// Each column times the circulant matrix whose first row is given.
State mix(const State& a, const std::array<u8, 4>& row) {
  State to{};
  for (unsigned c = 0; c < 4; ++c)
    for (unsigned r = 0; r < 4; ++r)
      for (unsigned k = 0; k < 4; ++k) to[r + 4 * c] ^= times(a[k + 4 * c], row[(k + 4 - r) % 4]);
  return to;
}

// -- SHA-1, SHA-256 --

u32 ch(u32 x, u32 y, u32 z) { return (x & y) ^ (~x & z); }
u32 parity(u32 x, u32 y, u32 z) { return x ^ y ^ z; }
u32 maj(u32 x, u32 y, u32 z) { return (x & y) ^ (x & z) ^ (y & z); }

template <class F>
Words sha1_rounds(Words v, const Words& w, F f) {
  u32 e = 0;  // the first word has it
  for (u32 word : w) {
    const u32 a = std::rotl(v[0], 5) + f(v[1], v[2], v[3]) + e + word;
    e = v[3];
    v = {a, v[0], std::rotl(v[1], 30), v[2]};
  }
  return v;
}

u32 sigma0(u32 x) { return std::rotr(x, 7) ^ std::rotr(x, 18) ^ x >> 3; }
u32 sigma1(u32 x) { return std::rotr(x, 17) ^ std::rotr(x, 19) ^ x >> 10; }

Words sha256_rounds2(const Words& hgdc, const Words& feba, const Words& w) {
  u32 a = feba[3], b = feba[2], c = hgdc[3], d = hgdc[2], e = feba[1], f = feba[0], g = hgdc[1], h = hgdc[0];
  for (unsigned k = 0; k < 2; ++k) {
    const u32 t1 = h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) + ch(e, f, g) + w[k];
    const u32 t2 = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + maj(a, b, c);
    h = g, g = f, f = e, e = d + t1;
    d = c, c = b, b = a, a = t1 + t2;
  }
  return {f, e, b, a};
}

template <unsigned Lane>
const Record* run_clmul_wide(const Record* r, u8* frame, CpuState*) {
  const u64 a = get<u64>(frame + r->a + 8 * Lane), b = get<u64>(frame + r->b + 8 * Lane);
  u128 product = 0;
  for (unsigned k = 0; k < 64; ++k)
    if (b >> k & 1) product ^= u128{a} << k;
  put(frame + r->result, product);
  return r + 1;
}

// The low half of a lane, as a number; an i1 has no halves.
template <unsigned W>
struct Halves {
  static constexpr unsigned width = W / 2;
  static s128 low_signed(Lane<W> a) { return width ? s128(u128{a.bits} << (128 - width)) >> (128 - width) : 0; }
  static u128 low(Lane<W> a) { return width ? u128{a.bits} << (128 - width) >> (128 - width) : 0; }
  static s128 high_signed(Lane<W> a) { return s128{a.s()} >> width; }
};

}  // namespace

Handler lower_smul_low(Lowering& l) {
  return lanewise<2>(l, []<unsigned W>(Lane<W> a, Lane<W> b) {
    return Uint<W>(u128(Halves<W>::low_signed(a)) * u128(Halves<W>::low_signed(b)));
  });
}
Handler lower_umul_low(Lowering& l) {
  return lanewise<2>(l,
                     []<unsigned W>(Lane<W> a, Lane<W> b) { return Uint<W>(Halves<W>::low(a) * Halves<W>::low(b)); });
}
Handler lower_mul_pairs(Lowering& l) {
  return lanewise<2>(l, []<unsigned W>(Lane<W> a, Lane<W> b) {
    using H = Halves<W>;
    if (W == 1) return Uint<W>(0);
    return Uint<W>(u128(H::low_signed(a)) * u128(H::low_signed(b)) + u128(H::high_signed(a)) * u128(H::high_signed(b)));
  });
}

Handler lower_clmul_wide(Lowering& l) {
  l.use(2);
  return l.inst().imm ? run_clmul_wide<1> : run_clmul_wide<0>;
}
Handler lower_aes_sub_shift(Lowering& l) {
  return block<State, 1>(l, [](const State& a) { return sub_shift(a, kSbox, 1); });
}
Handler lower_aes_inv_sub_shift(Lowering& l) {
  return block<State, 1>(l, [](const State& a) { return sub_shift(a, kInverseSbox, 3); });
}
Handler lower_aes_mix(Lowering& l) {
  return block<State, 1>(l, [](const State& a) { return mix(a, {2, 3, 1, 1}); });
}
Handler lower_aes_inv_mix(Lowering& l) {
  return block<State, 1>(l, [](const State& a) { return mix(a, {14, 11, 13, 9}); });
}
Handler lower_sha1_ch(Lowering& l) {
  return block<Words, 2>(l, [](const Words& a, const Words& b) { return sha1_rounds(a, b, ch); });
}
Handler lower_sha1_parity(Lowering& l) {
  return block<Words, 2>(l, [](const Words& a, const Words& b) { return sha1_rounds(a, b, parity); });
}
Handler lower_sha1_maj(Lowering& l) {
  return block<Words, 2>(l, [](const Words& a, const Words& b) { return sha1_rounds(a, b, maj); });
}
Handler lower_sha256_rounds2(Lowering& l) {
  return block<Words, 3>(l, [](const Words& a, const Words& b, const Words& c) { return sha256_rounds2(a, b, c); });
}
Handler lower_sha256_msg1(Lowering& l) {
  return block<Words, 2>(l, [](const Words& a, const Words& b) {
    return Words{a[0] + sigma0(a[1]), a[1] + sigma0(a[2]), a[2] + sigma0(a[3]), a[3] + sigma0(b[0])};
  });
}
Handler lower_sha256_msg2(Lowering& l) {
  return block<Words, 2>(l, [](const Words& a, const Words& b) {
    const u32 first = a[0] + sigma1(b[2]), second = a[1] + sigma1(b[3]);
    return Words{first, second, a[2] + sigma1(first), a[3] + sigma1(second)};
  });
}

}  // namespace mimus::interp
