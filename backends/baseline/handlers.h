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

// Of vectors that fill an SSE register: the result or the first operand is one.
#define MIMUS_BASELINE_VECTOR_HANDLERS(X) \
  X(constant_wide, vector_constant) \
  X(add, vector_binary) X(sub, vector_binary) X(mul, vector_binary) X(and_, vector_binary) X(or_, vector_binary) \
  X(xor_, vector_binary) X(smin, vector_binary) X(smax, vector_binary) X(umin, vector_binary) X(umax, vector_binary) \
  X(sat_sadd, vector_binary) X(sat_uadd, vector_binary) X(sat_ssub, vector_binary) X(sat_usub, vector_binary) \
  X(smulh, vector_binary) X(umulh, vector_binary) X(smul_low, vector_binary) X(umul_low, vector_binary) \
  X(mul_pairs, vector_binary) X(andn, vector_andn) X(not_, vector_not) X(neg, vector_neg) \
  X(shl, vector_shift) X(lshr, vector_shift) X(ashr, vector_shift) X(rotl, vector_rotate) X(rotr, vector_rotate) \
  X(popcount, vector_popcount) X(bitreverse, vector_bitreverse) \
  X(sext, vector_extend) X(zext, vector_extend) \
  X(splat, vector_splat) X(lane_get, vector_lane_get) X(lane_set, vector_lane_set) X(lane_pick, vector_lane_pick) \
  X(shuffle, vector_shuffle) X(reduce_add, vector_reduce) X(reduce_or, vector_reduce) \
  X(clmul_wide, vector_clmul_wide) X(aes_sub_shift, vector_aes) X(aes_inv_sub_shift, vector_aes) \
  X(aes_mix, vector_aes_mix) X(aes_inv_mix, vector_aes_mix) X(sha1_ch, vector_sha1) X(sha1_parity, vector_sha1) \
  X(sha1_maj, vector_sha1) X(sha256_rounds2, vector_sha256_rounds) X(sha256_msg1, vector_sha256_msg) \
  X(sha256_msg2, vector_sha256_msg)
// clang-format on
