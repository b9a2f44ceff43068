// The reader of the configuration's `sources`, and of the paths they make.

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "intake/paths.h"
#include "intake/source.h"
#include "lang/globs.h"

namespace postlude::intake {

using lang::Node;
using lang::Place;
using lang::Problems;

namespace {

constexpr std::size_t kPathMax = 512;
constexpr std::string_view kClusterMark = "{cluster}";
const std::vector<std::string> kSourceKeys{"type",   "cluster", "clusters", "auth", "paths",
                                           "accept", "dedupe",  "maxBody",  "rate", "storm"};
const std::vector<std::string> kAcceptFields{"phase", "outcome", "cluster", "namespace", "name", "metadata"};

std::string quoted(std::string_view text) {
  return "'" + cut(std::string(text), 100) + "'";
}

std::string or_nearest(std::string_view word, const std::vector<std::string>& known) {
  const std::string near = nearest(word, known);
  if (!near.empty()) return "did you mean '" + near + "'?";
  return known.empty() ? "none is known" : "known are " + join(known, ", ");
}

bool segment_name(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !name.empty() && name.size() <= 63 && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), plain);
}

// The paths that are Postlude's own, now or by contract 2 and 8.
bool reserved(std::string_view path) {
  constexpr std::array<std::string_view, 7> kOwn{"/healthz", "/readyz", "/metrics", "/callbacks",
                                                 "/links",   "/gate",   "/rollback"};
  return std::any_of(kOwn.begin(), kOwn.end(), [&](std::string_view own) {
    return path.starts_with(own) && (path.size() == own.size() || path[own.size()] == '/');
  });
}

// "" when it can be one, else what is wrong with it.
std::string path_fault(std::string_view path) {
  if (!path.starts_with('/')) return "a path begins with a slash";
  if (path.size() > kPathMax) return "a path has at most 512 characters";
  if (path.find_first_of("?#") != std::string_view::npos) return "a path has no query and no fragment";
  if (path.find_first_of("{}") != std::string_view::npos)
    return "the only placeholder in a path is {cluster}";
  if (path.find("//") != std::string_view::npos) return "an empty segment is lost on the way";
  for (const std::string_view segment : split(path, '/')) {
    if (segment == "." || segment == "..") return "senders resolve . and .. themselves";
  }
  const auto canonical = canonical_path(path);
  if (!canonical) return canonical.error().message;
  return reserved(*canonical) ? "this path is Postlude's own" : "";
}

}  // namespace

class SourcesReader {
 public:
  SourcesReader(const std::vector<std::string>& clusters, Problems& problems)
      : declared_(clusters), problems_(problems) {}

  Sources read(const Node& sources) {
    for (const auto& [name, node] : sources.members)
      read_source(name, node);
    for (const auto& [path, entry] : result_.entries_) {
      if (!entry.hook.empty()) result_.names_.push_back(path);
    }
    for (const auto& source : result_.list_)
      result_.carriers_.merge(source->carriers());
    return std::move(result_);
  }

 private:
  void problem(const Node& at, std::string message, bool warning = false) {
    problems_.push_back({at.place, std::move(message), warning});
  }

  void read_source(const Node& name, const Node& node) {
    if (name.scalar == "postlude") {
      problem(name, "a source cannot be called 'postlude': that is where Postlude's own events come from");
    } else if (!segment_name(name.scalar)) {
      problem(name, quoted(name.scalar) +
                        " cannot be a source's name: it is part of a path; use letters, digits, - _ .");
    }
    if (!node.is_map()) {
      problem(node, "a source is a map of " + join(kSourceKeys, ", "));
      return;
    }
    for (const auto& [key, value] : node.members) {
      if (std::find(kSourceKeys.begin(), kSourceKeys.end(), key.scalar) == kSourceKeys.end()) {
        problem(key,
                "unknown key " + quoted(key.scalar) + " in a source; " + or_nearest(key.scalar, kSourceKeys));
      }
    }
    const Node* type = node.find("type");
    if (type == nullptr)
      problem(name, "source " + quoted(name.scalar) + " does not say its type: write type: flagger");
    if (type != nullptr && type->scalar != "flagger") {
      problem(*type, "the source type " + quoted(type->scalar) + " is not built yet; known is flagger");
    }
    Source::Settings settings;
    settings.name = name.scalar;
    read_clusters(settings, name, node);
    read_limits(settings, node);
    if (const Node* accept = node.find("accept")) read_accept(settings, *accept);

    std::vector<std::string> clusters;
    for (const auto& [cluster, proofs] : settings.proofs)
      clusters.push_back(cluster);
    result_.list_.push_back(std::make_shared<const Source>(std::move(settings)));
    add_paths(name, clusters);
    if (const Node* paths = node.find("paths")) read_paths(*paths, clusters);
  }

  void declared(const Node& at, std::string_view cluster) {
    if (std::find(declared_.begin(), declared_.end(), cluster) != declared_.end()) return;
    problem(at, "cluster " + quoted(cluster) + " is not declared under 'clusters'; " +
                    (declared_.empty() ? "write clusters: {" + cut(std::string(cluster), 63) + ": {}}"
                                       : or_nearest(cluster, declared_)));
  }

  // Which clusters call, and what proves each of them.
  void read_clusters(Source::Settings& settings, const Node& name, const Node& node) {
    const Node* auth = node.find("auth");
    const std::vector<Proof> own = auth == nullptr ? std::vector<Proof>() : read_proofs(*auth, problems_);
    const Node* cluster = node.find("cluster");
    const Node* clusters = node.find("clusters");
    if (cluster != nullptr && clusters != nullptr) problem(*cluster, "write either 'cluster' or 'clusters'");
    if (clusters == nullptr) {
      if (auth == nullptr) {
        problem(name, "source " + quoted(name.scalar) + " has no auth: name a proof, or write auth: [none]");
      }
      if (cluster != nullptr) declared(*cluster, cluster->scalar);
      settings.proofs.emplace(cluster == nullptr ? "" : cluster->scalar, own);
      return;
    }
    if (!clusters->is_map() || clusters->members.empty()) {
      problem(*clusters, "'clusters' must be a map such as {eu-1: {auth: [...]}}");
      settings.proofs.emplace("", own);
      return;
    }
    for (const auto& [key, value] : clusters->members) {
      declared(key, key.scalar);
      for (const auto& [inner, ignored] : value.members) {
        if (inner.scalar != "auth") problem(inner, "a source's cluster takes only 'auth'");
      }
      const Node* its = value.find("auth");
      if (its == nullptr && auth == nullptr) {
        problem(key, "cluster " + quoted(key.scalar) + " has no auth, and neither has its source");
      }
      settings.proofs.emplace(key.scalar, its == nullptr ? own : read_proofs(*its, problems_));
    }
  }

  void read_limits(Source::Settings& settings, const Node& node) {
    if (const Node* dedupe = node.find("dedupe")) {
      if (const Node* window = dedupe->find("window")) {
        const auto duration = parse_duration(window->scalar);
        if (!duration) problem(*window, duration.error().message);
        if (duration) settings.dedupe_window = *duration;
      }
    }
    if (const Node* body = node.find("maxBody")) {
      constexpr std::uint64_t kMost = 64U << 20U;
      const auto size = parse_size(body->scalar);
      if (!size) {
        problem(*body, size.error().message);
      } else if (*size == 0 || *size > kMost) {
        problem(*body, "maxBody is between 1 and 64MiB");
      } else {
        settings.body_bytes_max = static_cast<std::size_t>(*size);
      }
    }
    if (const Node* rate = node.find("rate")) {
      const auto read = parse_rate(rate->scalar);
      if (!read) problem(*rate, read.error().message);
      if (read) settings.rate = *read;
    }
  }

  void read_accept(Source::Settings& settings, const Node& accept) {
    for (const auto& [hook, patterns] : accept.members) {
      if (!known_hook(hook)) continue;
      if (is_gate(hook.scalar))
        problem(hook, "'accept' does not apply to " + hook.scalar + ": a gate answers each call", true);
      std::vector<Pattern>& into = settings.accept[hook.scalar];
      const auto one = [&](const Node& node) {
        into.push_back({lang::read_globs(node, kAcceptFields, problems_)});
      };
      if (patterns.is_list()) {
        for (const Node& item : patterns.items)
          one(item);
      } else {
        one(patterns);
      }
      if (into.empty())
        problem(patterns, "'accept' lists no pattern for " + hook.scalar + ", so nothing would be wanted");
    }
  }

  bool known_hook(const Node& hook) {
    const auto& hooks = flagger_hooks();
    if (std::find(hooks.begin(), hooks.end(), hook.scalar) != hooks.end()) return true;
    problem(hook, "unknown hook " + quoted(hook.scalar) + "; " + or_nearest(hook.scalar, hooks));
    return false;
  }

  void add(const Node& at, std::string_view path, std::string_view cluster, std::string_view hook) {
    const auto canonical = canonical_path(path);
    if (!canonical) return;  // reported, or the source's name was
    const std::size_t source = result_.list_.size() - 1;
    const auto [entry, added] = result_.entries_.try_emplace(
        *canonical, Sources::Entry{source, std::string(cluster), std::string(hook)});
    if (added) {
      places_[*canonical] = at.place;
      return;
    }
    const Sources::Entry& other = entry->second;
    if (other.hook.empty()) {
      problem(at, quoted(*canonical) +
                      " is kept free: an entry of another type that is pointed at it by "
                      "mistake must not be accepted; use " +
                      *canonical + "/" + std::string(hook));
      return;
    }
    if (other.source == source && other.cluster == cluster && other.hook == hook) return;
    problem(at, quoted(*canonical) + " is already " + other.hook + " of " +
                    result_.list_[other.source]->name() + " (" + places_[*canonical].text() + ")");
  }

  // /hooks/{source}, /hooks/{source}/{hook}, and with a cluster's name in between. Without one they are
  // ambiguous where several clusters call.
  void add_paths(const Node& name, const std::vector<std::string>& clusters) {
    const SourceType& type = flagger_type();
    const std::string base = "/hooks/" + name.scalar;
    const auto add_below = [&](const std::string& path, const std::string& cluster) {
      add(name, path, cluster, type.bare_hook);
      for (const std::string& hook : type.hooks)
        add(name, path + "/" + hook, cluster, hook);
    };
    if (clusters.size() == 1) add_below(base, clusters.front());
    for (const std::string& cluster : clusters) {
      if (!cluster.empty()) add_below(base + "/" + percent_encode(cluster), cluster);
    }
  }

  void read_paths(const Node& paths, const std::vector<std::string>& clusters) {
    for (const auto& [path, hook] : paths.members) {
      const std::size_t mark = path.scalar.find(kClusterMark);
      std::string rest = path.scalar;
      if (mark != std::string::npos) rest.replace(mark, kClusterMark.size(), "x");
      const std::string fault = path_fault(rest);
      if (!fault.empty()) problem(path, quoted(path.scalar) + " cannot be a path: " + fault);
      const bool known = known_hook(hook);
      if (!fault.empty() || !known) continue;
      if (mark == std::string::npos && clusters.size() > 1) {
        problem(
            path,
            "several clusters call this source: write {cluster} in the path where the cluster's name stands");
      } else if (mark != std::string::npos && clusters.front().empty()) {
        problem(path, "{cluster} stands in the path, but this source names no cluster");
      } else {
        for (const std::string& cluster : clusters) {
          std::string whole = path.scalar;
          if (mark != std::string::npos) whole.replace(mark, kClusterMark.size(), percent_encode(cluster));
          add(path, whole, cluster, hook.scalar);
        }
      }
    }
  }

  const std::vector<std::string>& declared_;
  Problems& problems_;
  Sources result_;
  std::map<std::string, Place> places_;
};

Sources Sources::read(const Node* sources, const std::vector<std::string>& clusters, Problems& problems) {
  if (sources == nullptr) return {};
  return SourcesReader(clusters, problems).read(*sources);
}

}  // namespace postlude::intake
