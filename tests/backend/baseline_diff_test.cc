// The baseline engine against the interpreter on random blocks and regions: identical state, memory and events.
#include <gtest/gtest.h>

#include "backends/interp/interp.h"
#include "tests/backend/owned_engine.h"
#include "tests/ir/engine_diff.h"

namespace mimus {
namespace {

using test::DiffOptions;
using test::RandomOptions;

void expect_like_interp(const DiffOptions& options, const emit::HostFeatures& features = emit::HostFeatures::probe()) {
  expect_same({"interp", make_interp_engine},
              {"baseline",
               [&](const RuntimeLayout& layout) { return std::make_unique<test::OwnedBaseline>(layout, features); }},
              options);
}

// The same with code that has been saved by one engine and loaded by another.
void expect_saved_like_interp(const DiffOptions& options,
                              const emit::HostFeatures& features = emit::HostFeatures::probe()) {
  expect_same({"interp", make_interp_engine},
              {"saved baseline",
               [&](const RuntimeLayout& layout) { return std::make_unique<test::SavedBaseline>(layout, features); }},
              options);
}

RandomOptions integers() {
  RandomOptions o;
  o.vectors = o.wide = o.floats = o.odd_floats = o.odd_rounding = false;
  return o;
}

TEST(BaselineDiff, Integers) {
  RandomOptions o = integers();
  o.memory = o.atomics = o.helpers = o.exits = o.faults = false;
  expect_like_interp({.random = o, .first_seed = 1, .seeds = 200});
}

TEST(BaselineDiff, IntegersMemoryExits) {
  expect_like_interp({.random = integers(), .first_seed = 10000, .seeds = 250});
}

TEST(BaselineDiff, OptimisedIntegers) {
  RandomOptions o = integers();
  o.insns = 24;
  expect_like_interp({.random = o, .first_seed = 15000, .seeds = 150, .optimise = true});
}

TEST(BaselineDiff, Floats) {
  RandomOptions o;
  o.vectors = o.wide = o.odd_floats = o.memory = o.atomics = o.helpers = o.exits = false;
  expect_like_interp({.random = o, .first_seed = 20000, .seeds = 250});
}

// An fneg becomes part of a multiply-add, but not of one that the interpreter's function does.
TEST(BaselineDiff, NegatedMultiplyAdd) {
  using enum ir::Op;
  RandomOptions o;
  o.vectors = o.wide = o.odd_floats = o.exits = false;
  o.only = {fneg, fneg, fneg, fma, fma, read, write};
  o.ops = 8;
  expect_like_interp({.random = o, .first_seed = 25000, .seeds = 200});
}

// Out of registers at conversions and boxes, whose rare paths need some of their own.
TEST(BaselineDiff, CrowdedConversions) {
  using enum ir::Op;
  RandomOptions o;
  o.vectors = o.wide = o.odd_floats = o.exits = false;
  o.only = {fadd,  fmul,  fmin, fmin, fmax,    fto_s,   fto_s, fto_u, fto_u,
            unbox, unbox, box,  fcvt, ffrom_s, bitcast, read,  write};
  o.ops = 10;
  expect_like_interp({.random = o, .first_seed = 27000, .seeds = 150});
  expect_like_interp({.random = o, .first_seed = 28000, .seeds = 150}, emit::HostFeatures::none());
}

// Narrow integers, extended and then looked at as floats, when they have lost their registers.
TEST(BaselineDiff, CrowdedNarrowFloats) {
  using enum ir::Op;
  RandomOptions o;
  o.vectors = o.wide = o.odd_floats = o.exits = false;
  o.only = {trunc, trunc, zext, zext, load, bitcast, bitcast, bitcast, fadd, fmul, fle, box, read, write};
  o.ops = 12;
  expect_like_interp({.random = o, .first_seed = 29000, .seeds = 300});
}

TEST(BaselineDiff, Everything) { expect_like_interp({.first_seed = 31000, .seeds = 250, .optimise = true}); }

TEST(BaselineDiff, WithoutHostExtensions) {
  expect_like_interp({.first_seed = 40000, .seeds = 150}, emit::HostFeatures::none());
}

TEST(BaselineDiff, EveryOpByItself) {
  for (unsigned op = 0; op < ir::kOpCount; ++op) {
    RandomOptions o;
    o.insns = 3;
    o.only = {ir::Op(op)};
    expect_like_interp({.random = o, .first_seed = 70000 + op * 100, .seeds = 12, .states_per_seed = 3});
    if (HasFailure()) FAIL() << "op " << ir::info(ir::Op(op)).name;
  }
}

TEST(BaselineDiff, Regions) {
  expect_like_interp({.random = integers(), .blocks_per_region = 4, .first_seed = 60000, .seeds = 150});
}

TEST(SavedBaselineDiff, Everything) {
  expect_saved_like_interp({.first_seed = 31000, .seeds = 250, .optimise = true});
  expect_saved_like_interp({.first_seed = 80000, .seeds = 100}, emit::HostFeatures::none());
}

TEST(SavedBaselineDiff, IntegersMemoryExits) {
  expect_saved_like_interp({.random = integers(), .first_seed = 10000, .seeds = 250});
}

TEST(SavedBaselineDiff, Floats) {
  RandomOptions o;
  o.vectors = o.wide = o.odd_floats = o.memory = o.atomics = o.helpers = o.exits = false;
  expect_saved_like_interp({.random = o, .first_seed = 20000, .seeds = 250});
}

TEST(SavedBaselineDiff, Regions) {
  expect_saved_like_interp({.random = integers(), .blocks_per_region = 4, .first_seed = 60000, .seeds = 150});
}

}  // namespace
}  // namespace mimus
