// ELF files and scripts as programs, hostile ones included; the table of calls; --strace's formats.
#include <elf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <fstream>
#include <set>

#include "machines/cli/exec_options.h"
#include "machines/user/elf_image.h"
#include "machines/user/program_file.h"
#include "machines/user/strace.h"
#include "machines/user/syscalls.h"
#include "machines/user/vdso.h"

namespace mimus::user {
namespace {

struct Maker {
  Elf64_Ehdr header{};
  std::vector<Elf64_Phdr> rows;

  Maker() {
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_EXEC;
    header.e_machine = EM_RISCV;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    row(PT_LOAD, 0, 0x10000, 0x200, 0x3000);
  }
  Elf64_Phdr& row(u32 type, u64 offset, u64 address, u64 file_bytes, u64 memory_bytes) {
    return rows.emplace_back(Elf64_Phdr{type, PF_R | PF_X, offset, address, address, file_bytes, memory_bytes, 0x1000});
  }
  std::vector<u8> make() {
    header.e_phnum = u16(rows.size());
    std::vector<u8> bytes(4096);
    std::memcpy(bytes.data(), &header, sizeof header);
    std::memcpy(bytes.data() + sizeof header, rows.data(), rows.size() * sizeof rows[0]);
    return bytes;
  }
  Expected<ElfImage> parse() {
    const auto bytes = make();
    return parse_image(bytes, bytes.size());
  }
  std::string error() {
    auto parsed = parse();
    return parsed ? "" : parsed.error().message;
  }
};

TEST(Image, Good) {
  Maker maker;
  maker.row(PT_INTERP, 0x300, 0, 20, 20);
  maker.row(PT_LOAD, 0x200, 0x14200, 0x100, 0x5000);
  auto image = maker.parse();
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_TRUE(image->fixed);
  EXPECT_EQ(image->header_address, 0x10040u);
  EXPECT_EQ(image->low(), 0x10000u);
  EXPECT_EQ(image->high(), 0x1a000u);
  EXPECT_EQ(image->interpreter_bytes, 20u);
}

TEST(Image, Hostile) {
  EXPECT_EQ(parse_image({}, 0).error().message, "not an ELF file");
  Maker maker;
  maker.rows[0].p_filesz = 1 << 20;
  EXPECT_NE(maker.error().find("ends outside"), std::string::npos);
  maker = {};
  maker.rows[0].p_filesz = 0x200, maker.rows[0].p_memsz = 0x100;
  EXPECT_NE(maker.error().find("larger in the file"), std::string::npos);
  maker = {};
  maker.rows[0].p_vaddr = ~u64{0} << 12, maker.rows[0].p_memsz = 0x10000;
  EXPECT_NE(maker.error().find("address space"), std::string::npos);
  maker = {};
  maker.rows[0].p_vaddr += 8;
  EXPECT_NE(maker.error().find("aligned"), std::string::npos);
  maker = {};
  maker.row(PT_LOAD, 0, 0x11000, 0x10, 0x10);
  EXPECT_NE(maker.error().find("overlaps"), std::string::npos);
  maker = {};
  maker.row(PT_INTERP, ~u64{0}, 0, 20, 20);
  EXPECT_NE(maker.error().find("dynamic linker"), std::string::npos);
  maker = {};
  maker.header.e_phoff = ~u64{0} - 8;
  EXPECT_NE(maker.error().find("program headers"), std::string::npos);
  maker = {};
  maker.rows.clear();
  EXPECT_EQ(maker.error(), "no program headers");
}

TEST(Script, Lines) {
  auto line = parse_script("#! /bin/sh -e x \nrest");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->interpreter, "/bin/sh");
  EXPECT_EQ(line->argument, "-e x");
  EXPECT_EQ(parse_script("#!/usr/bin/env")->interpreter, "/usr/bin/env");
  EXPECT_FALSE(parse_script("#!  \n"));
  EXPECT_FALSE(parse_script("# !/bin/sh"));
}

TEST(Calls, TableIsConsistent) {
  std::set<int> generic, x86;
  std::set<std::string_view> names;
  for (const Call& call : call_table()) {
    EXPECT_TRUE(names.insert(call.name).second) << call.name;
    EXPECT_TRUE(call.generic < 0 || generic.insert(call.generic).second) << call.name;
    EXPECT_TRUE(call.x86_64 < 0 || x86.insert(call.x86_64).second) << call.name;
    EXPECT_EQ(find_call(CallNumbers::generic, u64(call.generic)), &call);
    EXPECT_TRUE(call.x86_64 < 0 || find_call(CallNumbers::x86_64, u64(call.x86_64)) == &call) << call.name;
  }
  EXPECT_EQ(find_call(CallNumbers::generic, 63)->name, "read");
  EXPECT_EQ(find_call(CallNumbers::generic, 100000), nullptr);
}

TEST(Calls, ReferenceIsUpToDate) {
  std::ifstream file(MIMUS_SOURCE_DIR "/docs/reference/syscalls.md");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  EXPECT_TRUE(text == call_reference()) << "build/release/bin/call_reference > docs/reference/syscalls.md";
}

TEST(Vdso, Symbols) {
  EXPECT_NE(vdso_symbol(riscv64_vdso(), "__vdso_rt_sigreturn"), 0u);
  EXPECT_NE(vdso_symbol(riscv64_vdso(), "__vdso_clock_gettime"), 0u);
  EXPECT_EQ(vdso_symbol(riscv64_vdso(), "__vdso_nothing"), 0u);
}

TEST(Strace, Results) {
  const Call& call = *find_call(CallNumbers::generic, 63);
  EXPECT_EQ(format_result(call, 5), "5");
  EXPECT_EQ(format_result(call, -EBADF), "-1 EBADF (Bad file descriptor)");
  EXPECT_EQ(format_result(*find_call(CallNumbers::generic, 222), 0x1000), "0x1000");
  EXPECT_EQ(signal_name(SIGINT), "SIGINT");
  EXPECT_EQ(signal_name(35), "SIGRT_3");
}

TEST(ExecOptions, OursAndTheProgram) {
  const char* words[] = {"-L", "/root", "--engine=interp", "prog", "--strace", "-x"};
  auto options = cli::parse_exec_options(6, words);
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->sysroot, "/root");
  EXPECT_EQ(options->program, "prog");
  EXPECT_FALSE(options->strace);
  EXPECT_EQ(options->arguments, (std::vector<std::string>{"--strace", "-x"}));
  EXPECT_EQ(options->inherited, (std::vector<std::string>{"--engine", "interp"}));
  const char* bad[] = {"--strac", "prog"};
  auto failed = cli::parse_exec_options(2, bad);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, Error::Kind::usage);
  EXPECT_NE(failed.error().message.find("did you mean --strace?"), std::string::npos);
  EXPECT_FALSE(cli::parse_exec_options(0, nullptr));
}

}  // namespace
}  // namespace mimus::user
