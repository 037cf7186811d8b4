#include "frontends/aarch64/pauth.h"

#include <array>

namespace mimus::aarch64 {
namespace {

// 16 cells of four bits, cell 0 in the lowest ones.
using Permutation = std::array<u8, 16>;  // which cell goes to each place
constexpr Permutation kCells = {13, 6, 11, 0, 7, 12, 1, 10, 8, 3, 14, 5, 2, 9, 4, 15};
constexpr Permutation kTweak = {4, 5, 6, 7, 11, 2, 3, 8, 12, 13, 14, 15, 0, 1, 10, 9};
constexpr u16 kTweakRotated = 1 << 2 | 1 << 4 | 1 << 7 | 1 << 11 | 1 << 12 | 1 << 14 | 1 << 15;  // places

using Box = std::array<u8, 16>;
constexpr Box kSub = {0xb, 0x6, 0x8, 0xf, 0xc, 0x0, 0x9, 0xe, 0x3, 0x7, 0x4, 0x5, 0xd, 0x2, 0x1, 0xa};

constexpr Box inverse(const Box& box) {
  Box result{};
  for (u8 k = 0; k < 16; ++k) result[box[k]] = k;
  return result;
}
constexpr Permutation kCellsInverse = inverse(kCells);
constexpr Box kSubInverse = inverse(kSub);

constexpr u64 cell(u64 value, unsigned place) { return value >> (4 * place) & 15; }

// Calls make(place) for the sixteen cells of the result.
template <class Make>
constexpr u64 cells(Make make) {
  u64 result = 0;
  for (unsigned k = 0; k < 16; ++k) result |= u64(make(k)) << (4 * k);
  return result;
}
constexpr u64 shuffle(u64 v, const Permutation& from) {
  return cells([&](unsigned k) { return cell(v, from[k]); });
}
constexpr u64 substitute(u64 v, const Box& box) {
  return cells([&](unsigned k) { return box[cell(v, k)]; });
}
constexpr u64 rotated(u64 c, unsigned amount) { return (c << amount | c >> (4 - amount)) & 15; }
// PACMult: each cell from the three others of its column, rotated by 1, 2, 1.
constexpr u64 multiply(u64 v) {
  return cells([&](unsigned k) {
    const auto other = [&](unsigned rows) { return cell(v, (k + 4 * rows) % 16); };
    return rotated(other(1), 1) ^ rotated(other(2), 2) ^ rotated(other(3), 1);
  });
}

// TweakCellRot: one step of a shift register.
constexpr u64 tweak_step(u64 c) { return c >> 1 | ((c ^ c >> 1) & 1) << 3; }
constexpr u64 tweak_step_back(u64 c) { return (c << 1 & 15) | ((c >> 3 ^ c) & 1); }
constexpr u64 tweak_shuffle(u64 v) {
  return cells([&](unsigned k) {
    const u64 c = cell(v, kTweak[k]);
    return kTweakRotated >> k & 1 ? tweak_step(c) : c;
  });
}
constexpr u64 tweak_shuffle_back(u64 v) {
  u64 result = 0;
  for (unsigned k = 0; k < 16; ++k) {
    const u64 c = cell(v, k);
    result |= (kTweakRotated >> k & 1 ? tweak_step_back(c) : c) << (4 * kTweak[k]);
  }
  return result;
}

constexpr u64 kRoundConstants[] = {0, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89, 0x452821e638d01377};
constexpr u64 kAlpha = 0xc0ac29b7c97c50dd;
constexpr unsigned kRounds = std::size(kRoundConstants);

}  // namespace

u64 qarma5(u64 data, u64 modifier, PauthKey key) {
  const u64 key0 = key.hi, key1 = key.lo;
  const u64 key0_end = key0 << 63 | key0 >> 2 << 1 | (key0 >> 63 ^ (key0 >> 1 & 1));
  u64 tweak = modifier, v = data ^ key0;
  for (unsigned i = 0; i < kRounds; ++i) {
    v ^= key1 ^ tweak ^ kRoundConstants[i];
    if (i) v = multiply(shuffle(v, kCells));
    v = substitute(v, kSub);
    tweak = tweak_shuffle(tweak);
  }
  v = substitute(multiply(shuffle(v ^ key0_end ^ tweak, kCells)), kSub);
  v = multiply(shuffle(v, kCells)) ^ key1;
  v = substitute(shuffle(v, kCellsInverse), kSubInverse);
  v = shuffle(multiply(v), kCellsInverse) ^ key0 ^ tweak;
  for (unsigned i = 0; i < kRounds; ++i) {
    v = substitute(v, kSubInverse);
    if (i + 1 < kRounds) v = shuffle(multiply(v), kCellsInverse);
    tweak = tweak_shuffle_back(tweak);
    v ^= key1 ^ tweak ^ kRoundConstants[kRounds - 1 - i] ^ kAlpha;
  }
  return v ^ key0_end;
}

u64 pac_mask(const Aarch64State& s, bool data, bool upper) {
  return s.user_process ? kUserPacMask : s.pac_masks[2 * data + upper];
}

u64 pac_code(const Aarch64State& s, u64 pointer, u64 modifier, PacKey key, u64 mask) {
  const PauthKey& k = s.pauth_keys[unsigned(key)];
  if (!uses_qarma(*s.model)) return fast_code(pointer & ~mask, modifier, k);
  const u64 extension = bit(pointer, 55) ? mask : 0;
  return qarma5((pointer & ~mask) | extension, modifier, k);
}

u64 generic_code(const Aarch64State& s, u64 data, u64 modifier) {
  const PauthKey& k = s.pauth_keys[unsigned(PacKey::ga)];
  // The products of the fast one are mixed once more: here all upper bits count.
  const u64 code = uses_qarma(*s.model) ? qarma5(data, modifier, k)
                                        : fast_code(fast_code(data, modifier, k) >> 32 ^ data, modifier, k);
  return code & ~u64{0xffff'ffff};
}

}  // namespace mimus::aarch64
