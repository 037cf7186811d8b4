#include "tests/isa/aarch64_pe.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "frontends/aarch64/sysreg.h"

namespace mimus::test {
namespace {

const aarch64::SysregDesc& register_named(std::string_view name) {
  const auto table = aarch64::sysreg_table();
  const auto row = std::ranges::find(table, name, &aarch64::SysregDesc::name);
  EXPECT_NE(row, table.end()) << name;
  return *row;
}

}  // namespace

Aarch64Pe::Aarch64Pe(std::string_view model)
    : frontend_(make_aarch64_frontend(*aarch64::parse_cpu_model(model))),
      owner_(frontend_->make_state(0)),
      state_(static_cast<aarch64::Aarch64State*>(owner_.get())) {
  EXPECT_TRUE(memory_.add_ram("ram", kRam, kRamSize));
  state_->port = this;
}

void Aarch64Pe::store(GuestPa pa, u64 value) {
  EXPECT_TRUE(memory_.write(pa, {reinterpret_cast<const u8*>(&value), sizeof value}));
}
u64 Aarch64Pe::load(GuestPa pa) const {
  u64 value = 0;
  EXPECT_TRUE(memory_.read(pa, {reinterpret_cast<u8*>(&value), sizeof value}));
  return value;
}

u64 Aarch64Pe::read(std::string_view sysreg) { return register_named(sysreg).read(*state_); }
void Aarch64Pe::write(std::string_view sysreg, u64 value) {
  const auto& row = register_named(sysreg);
  ASSERT_NE(row.write, nullptr) << sysreg;
  row.write(*state_, value);
}

}  // namespace mimus::test
