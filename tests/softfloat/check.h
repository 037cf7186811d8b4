// Comparing an operation with its oracle, and saying everything about the first mismatches.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <iomanip>
#include <sstream>
#include <string>

#include "core/softfloat/env.h"

namespace mimus::softfloat {

inline std::string hex(u128 value) {
  std::ostringstream text;
  text << std::hex << "0x";
  if (value >> 64) text << static_cast<u64>(value >> 64) << "'" << std::setfill('0') << std::setw(16);
  text << static_cast<u64>(value);
  return text.str();
}

// The operand sequence, result and flags of one operation under one environment.
class Checker {
 public:
  explicit Checker(const char* operation) : operation_(operation) {}

  void expect(std::initializer_list<u128> operands, const Env& env, u128 expected, unsigned expected_flags, u128 got,
              unsigned got_flags) {
    ++count_;
    if (expected == got && expected_flags == got_flags) return;
    if (++failures_ > 5) return;
    std::ostringstream text;
    text << std::hex << operation_;
    for (u128 operand : operands) text << ' ' << hex(operand);
    text << std::dec << "  rm " << static_cast<int>(env.rm) << (env.flush_inputs ? " daz" : "")
         << (env.flush_outputs ? " ftz" : "") << std::hex << "\n  expected " << hex(expected) << " flags "
         << expected_flags << "\n  got      " << hex(got) << " flags " << got_flags;
    ADD_FAILURE() << text.str();
  }

  ~Checker() { EXPECT_EQ(failures_, 0u) << operation_ << ": mismatches in " << count_ << " cases"; }

 private:
  const char* operation_;
  unsigned count_ = 0;
  unsigned failures_ = 0;
};

}  // namespace mimus::softfloat
