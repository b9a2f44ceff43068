// Reads a request of a connector file that has `mail`.

#include "connector/reader.h"

namespace postlude::connector {

void DefinitionReader::read_mail(const lang::Node& node, const lang::Node& mail, const Scope& scope,
                                 Call::Impl& into) {
  for (const std::string_view http : {"get", "head", "post", "put", "patch", "delete", "query", "headers",
                                      "body", "form", "encode", "sign"}) {
    if (const lang::Node* member = node.find(http))
      problem(member->place, "a request with `mail` has no `" + std::string(http) + "`");
  }
  lang::check_bare_paths(mail, {}, problems_);
  auto form = std::make_shared<MailForm>();
  form->mail = take(lang::Template::read(mail, nullptr, problems_), into.before);
  lang::Node key;
  key.kind = lang::Node::Kind::kScalar;
  key.scalar = "${{ .key }}";
  key.place = mail.place;
  form->key = take(lang::Template::read_text(key, problems_), into.before);
  read_effect(node, scope, into, "MAIL");
  into.form = std::move(form);
}

}  // namespace postlude::connector
