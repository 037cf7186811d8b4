// Bitwise ops, shifts, bit counting and permutation, carry-less products, CRC.
#include "backends/interp/hot.h"

namespace mimus::interp {

namespace {

template <unsigned W>
unsigned amount(Lane<W> b) {
  return unsigned(b.bits) & (W - 1);
}

template <unsigned W>
unsigned leading_zeros(Uint<W> v) {
  if constexpr (W == 1)
    return v ? 0 : 1;
  else if constexpr (W == 128)
    return v >> 64 ? unsigned(std::countl_zero(u64(v >> 64))) : 64u + unsigned(std::countl_zero(u64(v)));
  else
    return unsigned(std::countl_zero(v));
}
template <unsigned W>
unsigned trailing_zeros(Uint<W> v) {
  if constexpr (W == 1)
    return v ? 0 : 1;
  else if constexpr (W == 128)
    return u64(v) ? unsigned(std::countr_zero(u64(v))) : 64u + unsigned(std::countr_zero(u64(v >> 64)));
  else
    return unsigned(std::countr_zero(v));
}

template <unsigned W>
Uint<W> byte_swap(Uint<W> v) {
  if constexpr (W <= 8)
    return v;
  else if constexpr (W == 128)
    return u128{__builtin_bswap64(u64(v))} << 64 | __builtin_bswap64(u64(v >> 64));
  else
    return std::byteswap(v);
}

// Each byte of v mapped by f.
template <unsigned W, class F>
Uint<W> map_bytes(Uint<W> v, F f) {
  Uint<W> out = 0;
  for (unsigned i = 0; i < W; i += 8) out = Uint<W>(out | Uint<W>(Uint<W>{f(u8(v >> i))} << i));
  return out;
}
u8 reverse_byte(u8 v) {
  v = u8((v & 0xf0) >> 4 | (v & 0x0f) << 4);
  v = u8((v & 0xcc) >> 2 | (v & 0x33) << 2);
  return u8((v & 0xaa) >> 1 | (v & 0x55) << 1);
}
template <unsigned W>
Uint<W> reverse_in_bytes(Uint<W> v) {
  if constexpr (W == 1)
    return v;
  else
    return map_bytes<W>(v, reverse_byte);
}

u32 crc_step(u32 crc, u64 data, unsigned bits, u32 polynomial) {
  for (unsigned i = 0; i < bits; i += 8) {
    crc ^= u8(data >> i);
    for (unsigned k = 0; k < 8; ++k) crc = crc >> 1 ^ (crc & 1 ? polynomial : 0);
  }
  return crc;
}

const Record* run_crc32(const Record* r, u8* frame, CpuState*) {
  put_scalar<u32>(frame + r->result, crc_step(get<u32>(frame + r->a), get<u64>(frame + r->b), r->extra, u32(r->imm)));
  return r + 1;
}

}  // namespace

Handler lower_and_(Lowering& l) {
  return hot_binary(l, []<unsigned W>(Lane<W> a, Lane<W> b) { return a.bits & b.bits; });
}
Handler lower_or_(Lowering& l) {
  return hot_binary(l, []<unsigned W>(Lane<W> a, Lane<W> b) { return a.bits | b.bits; });
}
Handler lower_xor_(Lowering& l) {
  return hot_binary(l, []<unsigned W>(Lane<W> a, Lane<W> b) { return a.bits ^ b.bits; });
}
Handler lower_andn(Lowering& l) {
  return hot_binary(l, []<unsigned W>(Lane<W> a, Lane<W> b) { return a.bits & ~b.bits; });
}
Handler lower_not_(Lowering& l) {
  return lanewise<1>(l, []<unsigned W>(Lane<W> a) { return ~a.bits; });
}
Handler lower_shl(Lowering& l) {
  return hot_binary(l, []<unsigned W>(Lane<W> a, Lane<W> b) { return Uint<W>(a.bits << amount<W>(b)); });
}
Handler lower_lshr(Lowering& l) {
  return hot_binary(l, []<unsigned W>(Lane<W> a, Lane<W> b) { return a.bits >> amount<W>(b); });
}
Handler lower_ashr(Lowering& l) {
  return hot_binary(l, []<unsigned W>(Lane<W> a, Lane<W> b) { return Uint<W>(a.s() >> amount<W>(b)); });
}
Handler lower_rotl(Lowering& l) {
  return lanewise<2>(l, []<unsigned W>(Lane<W> a, Lane<W> b) {
    const unsigned n = amount<W>(b);
    return Uint<W>(a.bits << n) | Uint<W>(a.bits >> ((W - n) & (W - 1)));
  });
}
Handler lower_rotr(Lowering& l) {
  return lanewise<2>(l, []<unsigned W>(Lane<W> a, Lane<W> b) {
    const unsigned n = amount<W>(b);
    return Uint<W>(a.bits >> n) | Uint<W>(a.bits << ((W - n) & (W - 1)));
  });
}
Handler lower_clz(Lowering& l) {
  return lanewise<1>(l, []<unsigned W>(Lane<W> a) { return leading_zeros<W>(a.bits); });
}
Handler lower_ctz(Lowering& l) {
  return lanewise<1>(l, []<unsigned W>(Lane<W> a) { return trailing_zeros<W>(a.bits); });
}
Handler lower_popcount(Lowering& l) {
  return lanewise<1>(l, []<unsigned W>(Lane<W> a) {
    if constexpr (W == 128)
      return std::popcount(u64(a.bits)) + std::popcount(u64(a.bits >> 64));
    else
      return std::popcount(a.bits);
  });
}
Handler lower_bswap(Lowering& l) {
  return lanewise<1>(l, []<unsigned W>(Lane<W> a) { return byte_swap<W>(a.bits); });
}
Handler lower_bitreverse(Lowering& l) {
  return lanewise<1>(l, []<unsigned W>(Lane<W> a) { return byte_swap<W>(reverse_in_bytes<W>(a.bits)); });
}
Handler lower_bitreverse8(Lowering& l) {
  return lanewise<1>(l, []<unsigned W>(Lane<W> a) { return reverse_in_bytes<W>(a.bits); });
}
Handler lower_orc8(Lowering& l) {
  return lanewise<1>(
      l, []<unsigned W>(Lane<W> a) { return map_bytes<W>(a.bits, [](u8 v) { return v ? u8{0xff} : u8{0}; }); });
}
Handler lower_clmul(Lowering& l) {
  return lanewise<2>(l, []<unsigned W>(Lane<W> a, Lane<W> b) {
    Uint<W> product = 0;
    for (unsigned i = 0; i < W; ++i)
      if (b.bits >> i & 1) product = Uint<W>(product ^ Uint<W>(a.bits << i));
    return product;
  });
}
Handler lower_clmulh(Lowering& l) {
  return lanewise<2>(l, []<unsigned W>(Lane<W> a, Lane<W> b) {
    Uint<W> product = 0;
    for (unsigned i = 1; i < W; ++i)
      if (b.bits >> i & 1) product = Uint<W>(product ^ (a.bits >> (W - i)));
    return product;
  });
}
Handler lower_crc32(Lowering& l) {
  l.use(2);
  l.record().imm = l.inst().imm;
  l.record().extra = l.arg_type(1).bits();
  return run_crc32;
}

}  // namespace mimus::interp
