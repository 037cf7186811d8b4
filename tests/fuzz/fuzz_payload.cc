// Files given as kernel or firmware: ELF, gzip, EFI zboot, Linux Image, flat.
#include <span>
#include <vector>

#include "machines/load/elf.h"
#include "machines/load/payload.h"

extern "C" int LLVMFuzzerTestOneInput(const mimus::u8* data, size_t size) {
  using namespace mimus;
  const PayloadRules rules{"kernel", kElfRiscv, 0x80000000, u64{1} << 20, 0x80020000};
  auto payload = parse_payload(Bytes(data, data + size), rules);
  if (payload) {
    for (const PayloadPart& part : payload->parts) {
      if (part.address < rules.ram_base || part.bytes.size() > rules.ram_size ||
          part.address - rules.ram_base > rules.ram_size - part.bytes.size())
        __builtin_trap();
    }
  }
  if (auto elf = parse_elf({data, size})) {
    u64 sum = 0;
    for (const ElfSymbol& symbol : elf->symbols) sum += symbol.name.size() + symbol.value;
    for (const ElfSegment& segment : elf->segments)
      for (u8 byte : segment.data) sum += byte;
    volatile u64 keep = sum;
    (void)keep;
  }
  return 0;
}
