// Which function emits which op. The others go to the interpreter's functions
// (ops_fallback.cc).
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
  X(zext, op_extend) X(sext, op_extend) X(trunc, op_trunc) \
  X(extract, op_extract) X(sextract, op_extract) X(insert, op_insert) \
  X(eq, op_compare) X(ne, op_compare) X(slt, op_compare) X(sle, op_compare) X(ult, op_compare) X(ule, op_compare) \
  X(select, op_select) \
  X(load, op_load) X(store, op_store) X(load_linked, op_slow_memory) X(store_conditional, op_slow_memory) \
  X(amo_swap, op_amo) X(amo_add, op_amo) X(amo_and, op_amo) X(amo_or, op_amo) X(amo_xor, op_amo) \
  X(amo_smin, op_amo) X(amo_smax, op_amo) X(amo_umin, op_amo) X(amo_umax, op_amo) X(cas, op_cas) \
  X(fence, op_fence) X(zero_block, op_zero_block) \
  X(fadd, op_fp_binary) X(fsub, op_fp_binary) X(fmul, op_fp_binary) X(fdiv, op_fp_binary) X(fsqrt, op_fsqrt) \
  X(fma, op_fma) X(fneg, op_fp_sign) X(fabs, op_fp_sign) X(fcopysign, op_fp_sign) X(nan_fix, op_nan_fix) \
  X(fmin, op_fp_minmax) X(fmax, op_fp_minmax) \
  X(feq, op_fp_compare) X(flt, op_fp_compare) X(fle, op_fp_compare) X(flt_quiet, op_fp_compare) \
  X(fle_quiet, op_fp_compare) X(funordered, op_fp_compare) \
  X(fp_flags_read, op_fp_flags_read) X(fp_flags_write, op_fp_flags_write) \
  X(fcvt, op_fcvt) X(fround, op_fround) X(fto_s, op_fto_s) X(fto_u, op_fto_u) \
  X(ffrom_s, op_ffrom) X(ffrom_u, op_ffrom) X(unbox, op_unbox) X(box, op_box) \
  X(pending_flags, op_pending_flags) \
  X(helper, op_helper) X(exit_if, op_exit_if) X(end, op_end)
// clang-format on
