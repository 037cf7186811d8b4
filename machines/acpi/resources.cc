#include "machines/acpi/resources.h"

namespace mimus::acpi {
namespace {

enum Tag : u8 { kEnd = 0x79, kFixedMemory = 0x86, kWord = 0x88, kInterrupt = 0x89, kQword = 0x8a, kGpio = 0x8c };
enum Space : u8 { kMemory = 0, kIo = 1, kBus = 2 };

constexpr u8 kConsumer = 1, kFixedEnds = 0x0c;  // general flags of address spaces
constexpr u8 kReadWrite = 1, kEntireRange = 3;  // type-specific flags

// Fields one behind the other, little-endian.
struct Fields {
  aml::Code bytes;
  Fields& add(u64 value, unsigned width) {
    for (unsigned i = 0; i < width; i++) bytes.push_back(u8(value >> (8 * i)));
    return *this;
  }
};

// A large item: its length counts what follows.
aml::Code large(Tag tag, const Fields& fields) {
  return aml::join({Fields{}.add(tag, 1).add(fields.bytes.size(), 2).bytes, fields.bytes});
}

aml::Code address_space(Tag tag, unsigned width, Space space, u8 general, u8 specific, u64 base, u64 size,
                        u64 translation) {
  Fields fields;
  fields.add(space, 1).add(general | kFixedEnds, 1).add(specific, 1);
  for (u64 value : {u64{0}, base, base + size - 1, translation, size}) fields.add(value, width);
  return large(tag, fields);
}

}  // namespace

aml::Code resource_template(aml::Terms descriptors) {
  return aml::buffer(aml::join({aml::join(descriptors), {kEnd, 0}}));  // 0: no checksum
}

aml::Code fixed_memory(u32 base, u32 size) {
  return large(kFixedMemory, Fields{}.add(kReadWrite, 1).add(base, 4).add(size, 4));
}

aml::Code level_interrupt(u32 gsi) { return large(kInterrupt, Fields{}.add(kConsumer, 1).add(1, 1).add(gsi, 4)); }

aml::Code bus_numbers(u16 first, u16 last) {
  return address_space(kWord, 2, kBus, 0, 0, first, u64(last) - first + 1, 0);
}

aml::Code memory_window(u64 base, u64 size, bool consumed) {
  return address_space(kQword, 8, kMemory, consumed ? kConsumer : 0, kReadWrite, base, size, 0);
}

aml::Code io_window(u64 base, u64 size, u64 translation) {
  return address_space(kQword, 8, kIo, 0, kEntireRange, base, size, translation);
}

aml::Code gpio_interrupt(u16 pin, std::string_view controller) {
  constexpr u8 kRevision = 1, kInterruptConnection = 0, kEdge = 1, kPullDown = 2;
  constexpr unsigned kPinTable = 23;  // offset, behind the fields of fixed length
  Fields fields;
  fields.add(kRevision, 1).add(kInterruptConnection, 1).add(kConsumer, 2).add(kEdge, 2).add(kPullDown, 1);
  fields.add(0, 2).add(0, 2);  // drive strength, debouncing
  fields.add(kPinTable, 2).add(0, 1).add(kPinTable + 2, 2);
  fields.add(kPinTable + 2 + controller.size() + 1, 2).add(0, 2);  // vendor's data: none
  fields.add(pin, 2);
  fields.bytes.insert(fields.bytes.end(), controller.begin(), controller.end());
  return large(kGpio, fields.add(0, 1));
}

}  // namespace mimus::acpi
