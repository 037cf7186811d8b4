// Resource descriptors, of which the value of _CRS is made.
//
// Specification: Advanced Configuration and Power Interface 6.4, chapter 6.4 (resource data types).
#pragma once

#include <string_view>

#include "machines/acpi/aml.h"

namespace mimus::acpi {

// A buffer with these descriptors and the end tag.
aml::Code resource_template(aml::Terms descriptors);

aml::Code fixed_memory(u32 base, u32 size);  // 6.4.3.4, writable
aml::Code level_interrupt(u32 gsi);          // 6.4.3.6, active high, not shared

// Address spaces (6.4.3.5) that a bridge hands on to what is behind it, or (`consumed`) takes for itself.
aml::Code bus_numbers(u16 first, u16 last);
aml::Code memory_window(u64 base, u64 size, bool consumed = false);
aml::Code io_window(u64 base, u64 size, u64 translation);

// 6.4.3.8.1: a rising edge on a pin of the controller with this name.
aml::Code gpio_interrupt(u16 pin, std::string_view controller);

}  // namespace mimus::acpi
