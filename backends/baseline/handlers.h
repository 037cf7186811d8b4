// Which function emits which op. Ops that are not listed are refused: the run loop falls back to the interpreter.
#pragma once

// clang-format off
#define MIMUS_BASELINE_HANDLERS(X) \
  X(read, op_read) X(write, op_write) X(begin_insn, op_begin_insn) \
  X(add, op_add) X(sub, op_sub) X(mul, op_mul) \
  X(smulh, op_mul_high) X(umulh, op_mul_high) X(sumulh, op_mul_high) \
  X(sdiv, op_div) X(udiv, op_div) X(srem, op_div) X(urem, op_div) \
  X(neg, op_neg_not) X(not_, op_neg_not) \
  X(add_carry, op_add_carry) X(add_overflow, op_add_carry) X(adc, op_adc) \
  X(smin, op_min_max) X(smax, op_min_max) X(umin, op_min_max) X(umax, op_min_max) \
  X(and_, op_alu) X(or_, op_alu) X(xor_, op_alu) X(andn, op_andn) \
  X(shl, op_shift) X(lshr, op_shift) X(ashr, op_shift) X(rotl, op_rotate) X(rotr, op_rotate) \
  X(clz, op_count) X(ctz, op_count) X(popcount, op_count) X(bswap, op_bswap) \
  X(bitreverse, op_bitreverse) X(bitreverse8, op_bitreverse) X(orc8, op_orc8) \
  X(clmul, op_clmul) X(clmulh, op_clmul) \
  X(zext, op_extend) X(sext, op_extend) X(trunc, op_trunc) X(bitcast, op_bitcast) \
  X(extract, op_extract) X(sextract, op_extract) X(insert, op_insert) \
  X(eq, op_compare) X(ne, op_compare) X(slt, op_compare) X(sle, op_compare) X(ult, op_compare) X(ule, op_compare) \
  X(select, op_select) \
  X(load, op_load) X(store, op_store) X(load_linked, op_slow_memory) X(store_conditional, op_slow_memory) \
  X(amo_swap, op_amo) X(amo_add, op_amo) X(amo_and, op_amo) X(amo_or, op_amo) X(amo_xor, op_amo) \
  X(amo_smin, op_amo) X(amo_smax, op_amo) X(amo_umin, op_amo) X(amo_umax, op_amo) X(cas, op_cas) \
  X(fence, op_fence) X(zero_block, op_zero_block) \
  X(helper, op_helper) X(exit_if, op_exit_if) X(end, op_end)
// clang-format on
