// An oracle that needs no floating-point unit: it compares the exact result of an operation with the neighbours of
// its truncation, in a fixed-point number wide enough for any sum of products of F64 values.
#pragma once

#include <array>

#include "core/softfloat/env.h"
#include "core/softfloat/format.h"

namespace mimus::softfloat {

// sig * 2^exp, of either sign.
struct Term {
  bool negative;
  u64 sig;
  int exp;
};

// The value of a finite encoding without a stored integer bit.
template <class F>
Term term(typename F::Bits bits) {
  const int field = static_cast<int>((bits >> F::frac_bits) & F::exp_max_field);
  const u64 frac = bits & F::frac_mask;
  const int unit = F::emin - static_cast<int>(F::frac_bits);  // the exponent of the last subnormal digit
  if (field == 0) return {(bits & F::sign_mask) != 0, frac, unit};
  return {(bits & F::sign_mask) != 0, frac | (u64{1} << F::frac_bits), unit + field - 1};
}

// A sum of products in two's complement; the last bit weighs 2^-2304.
class Sum {
 public:
  Sum& add(const Term& a, const Term& b = {false, 1, 0}) {
    const u128 product = u128{a.sig} * b.sig;
    const unsigned position = static_cast<unsigned>(a.exp + b.exp + kLowest);
    const unsigned shift = position % 64;
    u64 digits[3] = {static_cast<u64>(product << shift), static_cast<u64>((product << shift) >> 64),
                     shift == 0 ? 0 : static_cast<u64>(product >> (128 - shift))};
    a.negative != b.negative ? subtract(position / 64, digits) : accumulate(position / 64, digits);
    return *this;
  }
  int sign() const {
    if (words_.back() >> 63) return -1;
    for (u64 word : words_) {
      if (word != 0) return 1;
    }
    return 0;
  }

 private:
  static constexpr int kLowest = 2304;
  static constexpr unsigned kWords = 72;

  void accumulate(unsigned word, const u64 (&digits)[3]) {
    u64 carry = 0;
    for (unsigned i = 0; word + i < kWords && (i < 3 || carry); ++i) {
      const u128 sum = u128{words_[word + i]} + (i < 3 ? digits[i] : 0) + carry;
      words_[word + i] = static_cast<u64>(sum);
      carry = static_cast<u64>(sum >> 64);
    }
  }
  void subtract(unsigned word, const u64 (&digits)[3]) {
    u64 borrow = 0;
    for (unsigned i = 0; word + i < kWords && (i < 3 || borrow); ++i) {
      const u128 difference = u128{words_[word + i]} - (i < 3 ? digits[i] : 0) - borrow;
      words_[word + i] = static_cast<u64>(difference);
      borrow = static_cast<u64>(difference >> 64) & 1;
    }
  }

  std::array<u64, kWords> words_{};
};

// What an operation with an exact nonzero result must return under `rm`.
template <class F>
struct Outcome {
  typename F::Bits bits;
  u8 flags;
};

// `versus(y)` gives the sign of |exact result| - y for a positive term y; `truncated` is a claimed magnitude for
// the result rounded toward zero (checked: on a wrong claim `valid` is false).
template <class F, class Versus>
class Oracle {
 public:
  Oracle(bool sign, typename F::Bits truncated, Versus versus) : sign_(sign), versus_(versus) {
    truncated_ = static_cast<typename F::Bits>(truncated & ~F::sign_mask);
    lower_ = term<F>(truncated_);
    const Term next = {false, lower_.sig + 1, lower_.exp};
    const Term limit = {false, 1, F::emax + 1};
    beyond_ = versus_(limit) >= 0;
    exact_ = versus_(lower_) == 0;
    valid_ = beyond_ ? truncated_ == F::infinity - 1 : versus_(lower_) >= 0 && versus_(next) < 0;
    half_ = beyond_ ? 1 : versus_(Term{false, 2 * lower_.sig + 1, lower_.exp - 1});
  }

  bool valid() const { return valid_; }

  Outcome<F> expect(Rounding rm, bool tiny_before) const {
    if (exact_) return {with_sign(truncated_), 0};
    const bool odd = truncated_ & 1;
    const bool away = goes_away(rm, half_, odd);
    const auto magnitude = static_cast<typename F::Bits>(truncated_ + (rm == Rounding::rod ? !odd : away));
    if (beyond_) return {with_sign(away ? F::infinity : truncated_), kOverflow | kInexact};
    if (magnitude == F::infinity) return {with_sign(magnitude), kOverflow | kInexact};
    return {with_sign(magnitude), static_cast<u8>(kInexact | (tiny(rm, tiny_before) ? kUnderflow : 0))};
  }

 private:
  typename F::Bits with_sign(typename F::Bits magnitude) const {
    return static_cast<typename F::Bits>(magnitude | F::zero(sign_));
  }
  // Does a value `half` (-1, 0, 1) relative to the midpoint above an odd or even neighbour round away from zero?
  bool goes_away(Rounding rm, int half, bool odd) const {
    const bool table[] = {half > 0 || (half == 0 && odd), false, sign_, !sign_, half >= 0, false};  // by Rounding
    return table[static_cast<unsigned>(rm)];
  }
  // After rounding: not tiny if p digits and an unbounded exponent would give 2^emin. The p-digit neighbour below
  // that is all ones, hence odd.
  bool tiny(Rounding rm, bool before) const {
    constexpr int p = static_cast<int>(F::precision);
    if (versus_(Term{false, 1, F::emin}) >= 0) return false;
    const Term below = {false, (u64{1} << p) - 1, F::emin - p};
    const Term midpoint = {false, (u64{1} << (p + 1)) - 1, F::emin - p - 1};
    if (before || versus_(below) <= 0) return true;
    return !goes_away(rm, versus_(midpoint), true);
  }

  bool sign_;
  Versus versus_;
  typename F::Bits truncated_;
  Term lower_;
  bool beyond_, exact_, valid_;
  int half_;
};

}  // namespace mimus::softfloat
