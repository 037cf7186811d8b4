// Boards with an APLIC: all interrupt sources go to the S-level domain, and messages to the IMSICs' pages.
// Source: The RISC-V Advanced Interrupt Architecture 1.0, 4.5.
#include "board.h"

#define DOMAINCFG 0x0
#define SOURCECFG(source) (4 * (u64)(source))
#define MMSIADDRCFG 0x1bc0
#define MMSIADDRCFGH 0x1bc4
#define SMSIADDRCFG 0x1bc8
#define SMSIADDRCFGH 0x1bcc

#define DOMAINCFG_FIXED (0x80u << 24)
#define DOMAINCFG_IE (1u << 8)
#define SOURCECFG_DELEGATE (1u << 10)  // to child 0
#define SOURCES 1023
#define LHXW (3u << 12)  // bits of a hart's number in the address: 8 harts

void aplic_init(void) {
  if ((read32(APLIC + DOMAINCFG) & (0xffu << 24)) != DOMAINCFG_FIXED) return;
  write32(APLIC + SMSIADDRCFG, (u32)(IMSIC_S >> 12));
  write32(APLIC + SMSIADDRCFGH, 0);
  write32(APLIC + MMSIADDRCFG, (u32)(IMSIC_M >> 12));
  write32(APLIC + MMSIADDRCFGH, LHXW);
  for (u32 source = 1; source <= SOURCES; ++source) write32(APLIC + SOURCECFG(source), SOURCECFG_DELEGATE);
  write32(APLIC + DOMAINCFG, DOMAINCFG_IE);
}
