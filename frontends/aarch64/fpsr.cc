// FPCR and FPSR (DDI 0487, C5.2.7 and C5.2.9). The cumulative flags of floating point are MXCSR's sticky flags while
// the guest runs (Intel SDM volume 1, 10.2.3).
//
// MXCSR.DE stands for FPSR.IDC only while FPCR.FZ is set: then operations go through soft float, which raises it for
// operands that it flushes. With FZ clear the host raises DE for each denormal operand, which is none of the guest's
// business. So changes of FZ move the flag to and from fpsr_idc.
#include "frontends/aarch64/state.h"

namespace mimus::aarch64 {
namespace {

constexpr u32 kMxcsrDe = 2, kMxcsrDaz = 1 << 6, kMxcsrFtz = 1 << 15, kMxcsrRc = 3 << 13;

struct FlagPair {
  u8 mxcsr;  // bit number
  u64 fpsr;
};
constexpr FlagPair kFlags[] = {{0, kFpsrIoc}, {2, kFpsrDzc}, {3, kFpsrOfc}, {4, kFpsrUfc}, {5, kFpsrIxc}};
// FPCR.RMode (nearest, plus infinity, minus infinity, zero) to MXCSR.RC (nearest, down, up, zero).
constexpr u8 kRoundingControl[4] = {0, 2, 1, 3};

}  // namespace

u64 read_fpsr(const Aarch64State& s) {
  u64 value = s.fpsr_qc[0] | s.fpsr_qc[1] ? kFpsrQc : 0;
  for (FlagPair p : kFlags) value |= bit(s.guest_mxcsr, p.mxcsr) ? p.fpsr : 0;
  if ((s.fpsr_idc[0] | s.fpsr_idc[1]) || ((s.fpcr & kFpcrFz) && (s.guest_mxcsr & kMxcsrDe))) value |= kFpsrIdc;
  return value;
}

void write_fpsr(Aarch64State& s, u64 value) {
  s.guest_mxcsr &= ~u32{0x3f};
  for (FlagPair p : kFlags) s.guest_mxcsr |= value & p.fpsr ? 1u << p.mxcsr : 0;
  s.fpsr_qc[0] = (value & kFpsrQc) != 0;
  s.fpsr_qc[1] = 0;
  s.fpsr_idc[0] = (value & kFpsrIdc) != 0;
  s.fpsr_idc[1] = 0;
}

void write_fpcr(Aarch64State& s, u64 value) {
  const u64 fpsr = read_fpsr(s);
  s.fpcr = value & (kFpcrWritable | (s.model->has(Feat::FP16) ? kFpcrFz16 : 0));
  s.guest_mxcsr &= ~(kMxcsrRc | kMxcsrDaz | kMxcsrFtz | kMxcsrDe);
  s.guest_mxcsr |= u32{kRoundingControl[bits(s.fpcr, kFpcrRmodeShift, 2)]} << 13;
  if (s.fpcr & kFpcrFz) s.guest_mxcsr |= kMxcsrDaz | kMxcsrFtz;
  s.fpsr_idc[0] = (fpsr & kFpsrIdc) != 0;
  s.fpsr_idc[1] = 0;
}

}  // namespace mimus::aarch64
