#include "lang/expression.h"

namespace postlude::lang {

// $__c is the context; the evaluator binds it. What begins with "\u0001" is answered in C++ by the
// evaluator's child: its `input` yields the answer to the last `debug`. Users can write neither
// (see expression.cc).
//
// jq calls `format` for `@uri` and the like, and with "text" for "\\(…)": ours refuses null there as a
// template does, since /grafana/null is a path, and never the one that was meant.
//
// Escapes go over code points, since jq 1.6's gsub takes quadratic time.
std::string_view prelude() {
  return R"jq(
def __format(f): format(f);
def format(f): . as $__v | f as $__f
  | if $__f == "json" or $__f == "csv" or $__f == "tsv" then __format($__f)
    elif . == null or ($__f == "sh" and type == "array" and any(.[]; . == null)) then
      error("null cannot stand inside text" + (if $__f == "text" then "" else " made by @" + $__f end)
        + "; write `// \"-\"` after it where nothing is meant")
    else __format($__f) end;
def success: $__c.status != "failure";
def failure: $__c.status == "failure";
def always: true;
def glob(p): if type == "string" then . as $__t | p
  | if type == "string" then ["\u0001glob", $__t, .] | debug | input else error("glob(p): p must be text") end
  else error("glob needs text, not \(type)") end;
def sha256: if type == "string" then ["\u0001sha256", .] | debug | input
  else error("sha256 needs text, not \(type); tojson makes it text") end;
def __call: debug | input | if type == "array" then .[0] else error(.) end;
def semver: ["\u0001semver", .] | __call;
def time(s): s | ["\u0001time", .] | __call;
def time: ["\u0001time", .] | __call;
def in_zone(tz): [., tz] | ["\u0001in_zone", .[]] | __call;
def in_window(calendar): [., calendar]
  | ["\u0001in_window", (.[0] | if type == "object" then now else . end), .[1], $__c.__calendars] | __call;
def duration: ["\u0001duration", .] | __call;
def markdown_html: ["\u0001markdown_html", .] | __call;
def slack_escape: if type == "string"
  then split("&") | join("&amp;") | split("<") | join("&lt;") | split(">") | join("&gt;")
  else error("slack_escape needs text, not \(type); tostring makes it text") end;
def __escapes: explode | map({key: tostring, value: [92, .]}) | from_entries;
def __escape($map): [explode[] | ($map[tostring] // [.])[]] | implode;
def jira_escape: if type == "string"
  then __escape("{}[]()*_^~+-|!?#" | __escapes | .["92"] = [38, 35, 57, 50, 59])
  else error("jira_escape needs text, not \(type); tostring makes it text") end;
def markdown_escape: if type == "string" then ["\u0001markdown_escape", .] | __call
  else error("markdown_escape needs text, not \(type); tostring makes it text") end;
def issue_keys: [.. | strings | match("\\b[A-Z][A-Z0-9_]+-[0-9]+\\b"; "g").string]
  | reduce .[] as $__k ([]; if index($__k) then . else . + [$__k] end);
)jq";
}

}  // namespace postlude::lang
