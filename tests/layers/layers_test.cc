// The include rules between the layers, checked over every include line of the sources.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

// Which top-level folders the files of a folder may include. `machines` and `tests` may include everything.
const std::map<std::string, std::set<std::string>> kMayInclude = {
    {"core", {"core"}},
    {"frontends", {"core", "frontends"}},
    {"backends", {"core", "backends"}},
    {"accel", {"core", "accel"}},
    {"hw", {"core", "hw"}},
};

// Within these folders a subfolder is closed: it includes itself and the ones named for it, "*" for any.
const std::map<std::string, std::map<std::string, std::set<std::string>>> kInside = {
    {"frontends", {{"*", {"specgen"}}}},
    {"accel", {{"*", {}}}},
};

// Libraries that are loaded on first use: only their module may include them.
const std::vector<std::pair<std::string, std::string>> kOnlyThere = {
    {"llvm/", "backends/llvm/"},
    {"llvm-c/", "backends/llvm/"},
    {"slirp/", "machines/host/slirp/"},
    {"libslirp", "machines/host/slirp/"},
};

struct Include {
  std::string from, what;
  unsigned line;
  bool quoted;
};

const fs::path kRoot = MIMUS_SOURCE_DIR;

bool is_source(const fs::path& path) {
  static const std::set<std::string> kEndings = {".h", ".cc", ".def", ".inc"};
  return kEndings.contains(path.extension().string());
}

std::vector<fs::path> sources() {
  std::vector<fs::path> files;
  for (const char* folder : {"core", "frontends", "backends", "accel", "hw", "machines"}) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder))
      if (entry.is_regular_file() && is_source(entry.path())) files.push_back(entry.path());
  }
  return files;
}

std::vector<Include> includes_of(const fs::path& path) {
  static const std::regex kInclude(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  std::vector<Include> found;
  std::ifstream file(path);
  std::string text;
  for (unsigned line = 1; std::getline(file, text); line++) {
    std::smatch match;
    if (std::regex_search(text, match, kInclude))
      found.push_back({fs::relative(path, kRoot).string(), match[2], line, match[1] == "\""});
  }
  return found;
}

std::string part(const std::string& path, unsigned index) {
  fs::path p(path);
  auto it = p.begin();
  std::advance(it, std::min<long>(index, std::distance(p.begin(), p.end()) - 1));
  return it->string();
}

// Why the include line is against the rules; empty if it is not.
std::string complaint(const Include& i) {
  if (!i.quoted) {
    for (const auto& [library, folder] : kOnlyThere)
      if (i.what.starts_with(library) && !i.from.starts_with(folder)) return "only " + folder + " may include it";
    return "";
  }
  if (!fs::exists(kRoot / i.what)) return "not a path from the top of the project";
  const std::string from = part(i.from, 0), to = part(i.what, 0);
  auto rule = kMayInclude.find(from);
  if (rule == kMayInclude.end()) return "";
  if (!rule->second.contains(to)) return from + " may not include " + to;
  auto inside = kInside.find(from);
  if (inside == kInside.end() || to != from || part(i.from, 1) == part(i.what, 1)) return "";
  const auto& table = inside->second;
  const auto& open = table.contains(part(i.from, 1)) ? table.at(part(i.from, 1)) : table.at("*");
  return open.contains(part(i.what, 1)) ? "" : part(i.from, 1) + " may not include " + part(i.what, 1);
}

TEST(Layers, IncludesFollowTheRules) {
  unsigned checked = 0;
  for (const fs::path& path : sources()) {
    for (const Include& include : includes_of(path)) {
      const std::string why = complaint(include);
      EXPECT_TRUE(why.empty()) << include.from << ":" << include.line << ": #include " << include.what << ": " << why;
      checked++;
    }
  }
  EXPECT_GT(checked, 500u) << "the sources were not found";
}

TEST(Layers, TheRulesCatchWhatTheyForbid) {
  auto wrong = [](const char* from, const char* what, bool quoted = true) {
    return !complaint({from, what, 1, quoted}).empty();
  };
  EXPECT_TRUE(wrong("core/state/x.h", "hw/misc/test_finisher.h"));
  EXPECT_TRUE(wrong("frontends/riscv/x.cc", "backends/emit/slab.h"));
  EXPECT_TRUE(wrong("hw/misc/x.cc", "accel/dbt/dbt.h"));
  EXPECT_TRUE(wrong("hw/misc/x.cc", "machines/vm/vm.h"));
  EXPECT_TRUE(wrong("hw/misc/x.cc", "test_finisher.h"));
  EXPECT_TRUE(wrong("machines/cli/x.cc", "llvm/IR/Module.h", false));
  EXPECT_FALSE(wrong("machines/cli/x.cc", "accel/dbt/dbt.h"));
  EXPECT_FALSE(wrong("hw/misc/x.cc", "core/device/device.h"));
}

TEST(Layers, HeadersGuardThemselves) {
  for (const fs::path& path : sources()) {
    if (path.extension() != ".h") continue;
    std::ifstream file(path);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    EXPECT_NE(text.find("#pragma once\n"), std::string::npos) << path;
  }
}

// Longer files are tables (.def), or are asking to be split.
TEST(Layers, FilesAreOfAReadableLength) {
  for (const fs::path& path : sources()) {
    if (path.extension() == ".def") continue;
    std::ifstream file(path);
    const auto lines = std::count(std::istreambuf_iterator<char>(file), {}, '\n');
    EXPECT_LE(lines, 700) << path;
  }
}

}  // namespace
