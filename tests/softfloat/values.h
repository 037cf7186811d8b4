// Operands worth testing: the corners of a format, and random ones that lean toward the corners.
#pragma once

#include <vector>

#include "core/softfloat/format.h"

namespace mimus::softfloat {

// SplitMix64 (Steele, Lea, Flood 2014): a fixed sequence, so that a failure is repeatable.
class Random {
 public:
  explicit Random(u64 seed) : state_(seed) {}
  u64 next() {
    u64 z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  unsigned below(unsigned limit) { return static_cast<unsigned>(next() % limit); }

 private:
  u64 state_;
};

// Both signs of every special value, and the neighbours of the format's boundaries.
template <class F>
std::vector<typename F::Bits> edge_values() {
  using Bits = typename F::Bits;
  const auto at = [](int exp, u64 frac) {
    return static_cast<Bits>((static_cast<Bits>(exp + F::emax) << F::frac_bits) + static_cast<Bits>(frac));
  };
  const u64 ones = static_cast<u64>(F::frac_mask);
  const u64 half = u64{1} << (F::frac_bits - 1);
  std::vector<Bits> positive = {0,
                                1,
                                2,
                                static_cast<Bits>(half),
                                static_cast<Bits>(ones - 1),
                                static_cast<Bits>(ones),
                                at(F::emin, 0),
                                at(F::emin, 1),
                                at(F::emin, ones),
                                at(F::emin + 1, 0),
                                at(-1, 0),
                                at(-1, 1),
                                at(-1, ones),
                                at(0, 0),
                                at(0, 1),
                                at(0, half),
                                at(0, ones),
                                at(1, 0),
                                at(1, half),
                                at(2, half),
                                at(static_cast<int>(F::frac_bits) - 1, 1),
                                at(static_cast<int>(F::frac_bits), ones),
                                at(F::emax, 0),
                                at(F::emax, ones - 1),
                                at(F::emax, ones),
                                F::infinity,
                                F::quiet_nan(false),
                                static_cast<Bits>(F::quiet_nan(false) | 5),
                                static_cast<Bits>(F::infinity | 1),
                                static_cast<Bits>(F::infinity | (half - 1))};
  if (F::emax > 64)
    positive.insert(positive.end(),
                    {at(31, 0), at(30, ones), at(32, 0), at(31, ones), at(63, 0), at(62, ones), at(64, 0)});
  std::vector<Bits> values = positive;
  for (Bits value : positive) values.push_back(static_cast<Bits>(value | F::sign_mask));
  return values;
}

// A random fraction: uniform, sparse, a run of ones, or few significant digits.
template <class F>
typename F::Bits random_fraction(Random& random) {
  u64 frac = random.next();
  switch (random.below(4)) {
    case 0: break;
    case 1:
      frac = (u64{1} << random.below(F::frac_bits)) | (random.below(2) ? u64{1} << random.below(F::frac_bits) : 0);
      break;
    case 2: frac = ~u64{0} << random.below(F::frac_bits); break;
    default: frac = (frac >> random.below(F::frac_bits)) - random.below(2); break;
  }
  return static_cast<typename F::Bits>(frac) & F::frac_mask;
}

// A random value; its exponent is near `near` (a biased field) half of the time.
template <class F>
typename F::Bits random_value(Random& random, int near) {
  int field = 0;
  switch (random.below(8)) {
    case 0: field = static_cast<int>(random.below(3)); break;
    case 1: field = F::exp_max_field - static_cast<int>(random.below(3)); break;
    case 2: field = static_cast<int>(random.below(F::exp_max_field + 1)); break;
    case 3:
      field = near + static_cast<int>(random.below(2 * F::frac_bits + 8)) - static_cast<int>(F::frac_bits) - 4;
      break;
    default: field = near + static_cast<int>(random.below(5)) - 2; break;
  }
  field = field < 0 ? 0 : field > F::exp_max_field ? F::exp_max_field : field;
  const auto exp = static_cast<typename F::Bits>(field) << F::exp_lsb;
  return static_cast<typename F::Bits>(exp | random_fraction<F>(random) | (random.below(2) ? F::sign_mask : 0));
}

template <class F>
int exp_field(typename F::Bits bits) {
  return static_cast<int>((bits >> F::exp_lsb) & static_cast<typename F::Bits>(F::exp_max_field));
}

}  // namespace mimus::softfloat
