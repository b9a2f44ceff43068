#include "lang/expression.h"

namespace postlude::lang {

// $__c is the context; the evaluator binds it. What begins with "\u0001" is answered in C++ by the
// evaluator's child: its `input` yields the answer to the last `debug`. Users can write neither
// (see expression.cc).
//
// jq calls `format` for `@uri` and the like, and with "text" for "\\(…)": ours refuses null there as a
// template does, since /grafana/null is a path, and never the one that was meant.
//
// Escapes are C++, as those are that fields of connectors ask for (lang/template.h).
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
def __escape(f): if type == "string" then ["\u0001" + f, .] | __call
  else error("\(f) needs text, not \(type); tostring makes it text") end;
def slack_escape: __escape("slack_escape");
def jira_escape: __escape("jira_escape");
def jira_wiki_escape: __escape("jira_wiki_escape");
def markdown_escape: __escape("markdown_escape");
def raw: .;
def issue_keys: [.. | strings | match("\\b[A-Z][A-Z0-9_]+-[0-9]+\\b"; "g").string]
  | reduce .[] as $__k ([]; if index($__k) then . else . + [$__k] end);
)jq";
}

}  // namespace postlude::lang
