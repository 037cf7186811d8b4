// mimus binfmt: tells the kernel to start foreign programs under this emulator, by the magic of their ELF headers.
// Source: Linux Documentation/admin-guide/binfmt-misc.rst.
//
// Flags: F opens the emulator at registration, so that it works in containers and chroots; P keeps argv[0]; O and C let
// programs be run that are not readable or are set-user-id, as the kernel would itself.
#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <optional>

#include "machines/cli/exec_command.h"
#include "machines/cli/options.h"

namespace mimus::cli {
namespace {

constexpr const char* kFolder = "/proc/sys/fs/binfmt_misc";

struct Isa {
  std::string_view name;
  u8 machine;  // e_machine, low byte
};
constexpr Isa kIsas[] = {{"riscv64", 0xf3}, {"aarch64", 0xb7}};

std::string entry_name(const Isa& isa) { return fmt::format("mimus-{}", isa.name); }

// A 64-bit little-endian executable or shared object of the machine. The ABI bytes and version are left open.
std::string registration(const Isa& isa, const std::string& program) {
  std::string magic = "\\x7fELF\\x02\\x01\\x01", mask = "\\xff\\xff\\xff\\xff\\xff\\xff\\xff";
  for (int i = 7; i < 16; i++) magic += "\\x00", mask += "\\x00";
  magic += fmt::format("\\x02\\x00\\x{:02x}\\x00", isa.machine);
  mask += "\\xfe\\xff\\xff\\xff";
  return fmt::format(":{}:M::{}:{}:{}:POCF", entry_name(isa), magic, mask, program);
}

Expected<void> write_text(const std::string& path, const std::string& text) {
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  const ssize_t written = fd < 0 ? -1 : write(fd, text.data(), text.size());
  const int error = errno;
  if (fd >= 0) close(fd);
  if (written == ssize_t(text.size())) return {};
  return fail(fmt::format("{}: {}{}", path, strerror(error),
                          error == EACCES || error == EPERM ? "; this needs root: sudo mimus binfmt ..." : ""));
}

std::optional<std::string> read_entry(const Isa& isa) {
  std::ifstream file(fmt::format("{}/{}", kFolder, entry_name(isa)));
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Expected<void> need_folder() {
  const std::string control = fmt::format("{}/register", kFolder);
  if (access(control.c_str(), F_OK) == 0) return {};
  if (mount("binfmt_misc", kFolder, "binfmt_misc", 0, nullptr) == 0) return {};
  return fail(fmt::format("{} is not there ({}); the kernel needs binfmt_misc: sudo modprobe binfmt_misc", kFolder,
                          strerror(errno)));
}

// The link beside the program by whose name it knows what to do.
Expected<std::string> link_to_self() {
  char self[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", self, sizeof self);
  if (length <= 0) return fail(fmt::format("/proc/self/exe: {}", strerror(errno)));
  const std::string program(self, size_t(length));
  const std::string link = program.substr(0, program.rfind('/') + 1) + kBinfmtName;
  if (access(link.c_str(), X_OK) != 0 && symlink(program.c_str(), link.c_str()) != 0)
    return fail(fmt::format("{}: {}", link, strerror(errno)));
  return link;
}

Expected<int> install() {
  MIMUS_CHECK(need_folder());
  MIMUS_TRY(const auto link, link_to_self());
  for (const Isa& isa : kIsas) {
    if (read_entry(isa)) MIMUS_CHECK(write_text(fmt::format("{}/{}", kFolder, entry_name(isa)), "-1"));
    MIMUS_CHECK(write_text(fmt::format("{}/register", kFolder), registration(isa, link)));
    fmt::print("{}: programs run under {}\n", isa.name, link);
  }
  return 0;
}

Expected<int> remove() {
  for (const Isa& isa : kIsas) {
    if (!read_entry(isa)) continue;
    MIMUS_CHECK(write_text(fmt::format("{}/{}", kFolder, entry_name(isa)), "-1"));
    fmt::print("{}: removed\n", isa.name);
  }
  return 0;
}

Expected<int> status() {
  for (const Isa& isa : kIsas) {
    const auto entry = read_entry(isa);
    const size_t at = entry ? entry->find("interpreter ") : std::string::npos;
    const std::string program = at == std::string::npos ? "" : entry->substr(at + 12, entry->find('\n', at) - at - 12);
    fmt::print("{}: {}\n", isa.name,
               !entry                          ? "not registered"
               : entry->starts_with("enabled") ? program
                                               : "registered, but disabled");
  }
  return 0;
}

struct Action {
  std::string_view name;
  Expected<int> (*function)();
};
constexpr Action kActions[] = {{"install", install}, {"remove", remove}, {"status", status}};

}  // namespace

Expected<int> binfmt_command(int argc, const char* const* argv) {
  constexpr std::string_view kUsage = "mimus binfmt install|remove|status: runs foreign programs by their name alone";
  if (argc == 1 && std::string_view(argv[0]) == "--help") {
    fmt::print("{}\n", kUsage);
    return 0;
  }
  for (const Action& action : kActions)
    if (argc == 1 && argv[0] == action.name) return action.function();
  return usage_error(std::string(kUsage));
}

}  // namespace mimus::cli
