#include "machines/virt/own_firmware.h"

#include "core/base/embedded.h"

MIMUS_EMBED(sbi, "16", MIMUS_SBI)  // the path of roms/sbi/mimus-sbi.bin

namespace mimus::virt {

std::span<const u8> own_firmware() { return sbi(); }

}  // namespace mimus::virt
