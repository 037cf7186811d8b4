// Comparing an operation with its oracle, and saying everything about the first mismatches.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <sstream>

#include "core/softfloat/env.h"

namespace mimus::softfloat {

// The operand sequence, result and flags of one operation under one environment.
class Checker {
 public:
  explicit Checker(const char* operation) : operation_(operation) {}

  void expect(std::initializer_list<u64> operands, const Env& env, u64 expected, unsigned expected_flags, u64 got,
              unsigned got_flags) {
    ++count_;
    if (expected == got && expected_flags == got_flags) return;
    if (++failures_ > 5) return;
    std::ostringstream text;
    text << std::hex << operation_;
    for (u64 operand : operands) text << " 0x" << operand;
    text << std::dec << "  rm " << static_cast<int>(env.rm) << (env.flush_inputs ? " daz" : "")
         << (env.flush_outputs ? " ftz" : "") << std::hex << "\n  expected 0x" << expected << " flags "
         << expected_flags << "\n  got      0x" << got << " flags " << got_flags;
    ADD_FAILURE() << text.str();
  }

  ~Checker() { EXPECT_EQ(failures_, 0u) << operation_ << ": mismatches in " << count_ << " cases"; }

 private:
  const char* operation_;
  unsigned count_ = 0;
  unsigned failures_ = 0;
};

}  // namespace mimus::softfloat
