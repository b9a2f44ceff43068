#include "rehearsal/rehearsal.h"

#include "base/check.h"
#include "engine/decide.h"
#include "engine/team.h"
#include "intake/judge.h"

namespace postlude::rehearsal {

namespace {

constexpr std::string_view kOwnSource = "postlude";
constexpr int kStartsMax = 1'000;  // in a row that fail; then there is no hope

// Every secret is ***, but where it has to be a URL.
SecretLookup secrets_of(const pipeline::Rules& rules) {
  std::vector<SecretRef> urls;
  for (const connector::Target& target : rules.targets()) {
    if (target.auth.kind == connector::Auth::Kind::kUrl)
      urls.insert(urls.end(), target.auth.secrets.begin(), target.auth.secrets.end());
  }
  return [urls](const SecretRef& ref) -> Result<std::string> {
    const bool url = std::find(urls.begin(), urls.end(), ref) != urls.end();
    return std::string(url ? kSecretUrl : kSecret);
  };
}

pipeline::PumpOptions pump_options(const Options& options) {
  pipeline::PumpOptions out;
  out.plan_again = options.plan_again;
  out.step_again = options.step_again;
  return out;
}

// Reads a payload as the source's path would, and takes everybody's word for it.
intake::Judged read(const Given& given, Instant received_at) {
  intake::Source::Settings settings;
  settings.name = given.source;
  intake::Proof none;
  none.kind = intake::Proof::Kind::kNone;
  settings.proofs[given.cluster] = {none};
  settings.body_bytes_max = given.payload.size();
  intake::Route route;
  route.source = std::make_shared<const intake::Source>(std::move(settings));
  route.cluster = given.cluster;
  route.hook = given.hook;
  route.gate = intake::is_gate(given.hook);
  HttpRequest request;
  request.method = "POST";
  request.target = "/hooks/" + given.source + "/" + given.hook;
  request.body = given.payload;
  request.received_at = received_at;
  const SecretLookup nothing = [](const SecretRef& ref) -> Result<std::string> {
    return Error(Code::kNotFound, to_text(ref));
  };
  Mask hidden;
  const intake::Asks asks{[] { return true; }, [](std::string_view) { return true; }};
  return intake::judge(route, std::move(request), nothing, asks, hidden, received_at);
}

}  // namespace

struct Rehearsal::Life {
  Life(Rehearsal& r, std::unique_ptr<rt::Loop> loop_in, std::unique_ptr<store::Store> store_in);

  std::unique_ptr<rt::Loop> loop;
  std::unique_ptr<store::Store> store;
  Wire wire;
  pipeline::Pipeline pipeline;
  pipeline::Pump pump;
  rt::Group group;
};

Rehearsal::Life::Life(Rehearsal& r, std::unique_ptr<rt::Loop> loop_in, std::unique_ptr<store::Store> store_in)
    : loop(std::move(loop_in)),
      store(std::move(store_in)),
      wire(r.responder_, r.options_.answers, r.sent_),
      pipeline({*loop, *store, wire, r.expressions_, r.metrics_, secrets_of(*r.rules_)}),
      pump(*loop, pipeline, *store, pump_options(r.options_)),
      group(*loop, "rehearsal") {
  pipeline.use(r.rules_);
  pipeline.on_event = [this](Event event) { pump.offer(std::move(event)); };
  pump.start();
}

Rehearsal::Rehearsal(std::shared_ptr<const pipeline::Rules> rules, pipeline::Expressions& expressions,
                     Responder responder, Options options)
    : clock_(options.start, options.seed),
      options_(std::move(options)),
      rules_(std::move(rules)),
      expressions_(expressions),
      responder_(std::move(responder)),
      memory_(options_.memory) {}

Rehearsal::~Rehearsal() {
  open_calls_.clear();
  die();
}

Result<std::unique_ptr<Rehearsal>> Rehearsal::begin(std::shared_ptr<const pipeline::Rules> rules,
                                                    pipeline::Expressions& expressions, Responder responder,
                                                    Options options) {
  std::unique_ptr<Rehearsal> out(
      new Rehearsal(std::move(rules), expressions, std::move(responder), std::move(options)));
  if (out->memory_ == nullptr) {
    TRY(out->memory_, store::Memory::create());
  }
  TRY_DONE(out->live());
  return out;
}

Status Rehearsal::live() {
  store::Options options;
  options.memory = memory_;
  options.follow = engine::follow;
  auto loop = std::make_unique<rt::Loop>(clock_);
  TRY(auto store, store::Store::open(*loop, std::move(options)));
  life_ = std::make_unique<Life>(*this, std::move(loop), std::move(store));
  return ok();
}

void Rehearsal::die() {
  if (life_ == nullptr) return;
  life_->store.reset();  // lets go of who waits for it: their frames go with the loop
  life_->loop->end();
  life_.reset();
  for (auto& [call, answered] : std::exchange(open_calls_, {}))
    answered(std::nullopt);
}

void Rehearsal::pass(Duration d) {
  const Duration until = clock_.steady() + d;
  while (clock_.next() && *clock_.next() <= until)
    clock_.call_next();
  clock_.advance_to(until);
}

void Rehearsal::crash_and_restart(Duration down) {
  die();
  pass(down);
  for (int starts = 0;; ++starts) {
    const Status alive = live();
    if (alive) return;
    CHECK(starts < kStartsMax);
    if (!crashed()) pass(std::chrono::seconds(1));  // as the daemon does while the disk is full
  }
}

store::Store& Rehearsal::store() {
  return *life_->store;
}

pipeline::Pipeline& Rehearsal::pipeline() {
  return life_->pipeline;
}

void Rehearsal::use(std::shared_ptr<const pipeline::Rules> rules) {
  rules_ = std::move(rules);
  life_->pipeline.use(rules_);
}

void Rehearsal::start(rt::Task<> task) {
  life_->group.start(std::move(task));
}

bool Rehearsal::run_until(const std::function<bool()>& done, Duration at_most) {
  if (crashed()) return false;
  return life_->loop->run_virtual(clock_.steady() + at_most, done);
}

bool Rehearsal::run_until_quiet(Duration at_most) {
  std::optional<std::uint64_t> asked_at;  // at which commit
  bool quiet = false;
  return run_until(
      [&] {
        if (asked_at != memory_->commits()) {
          asked_at = memory_->commits();
          quiet = memory_->quiet();
        }
        return quiet && open_calls_.empty();
      },
      at_most);
}

bool Rehearsal::advance(Duration d) {
  run_until(nullptr, d);
  return !crashed();
}

Result<EventId> Rehearsal::accept(Given given) {
  auto accepted = ask(accepting(std::move(given)));
  if (!accepted) return Error(Code::kCancelled, "the process died before it had the event");
  return *std::move(accepted);
}

// An event of our own, as Pipeline::tell makes it, and the store where a run has failed.
rt::Task<Result<EventId>> Rehearsal::telling(Given given) {
  const auto payload = parse_json(given.payload);
  if (!payload) co_return payload.error();
  Event event;
  event.source = std::move(given.source);
  event.hook = std::move(given.hook);
  event.received_at = given.received_at.value_or(rt::now());
  event.cluster = std::move(given.cluster);
  event.name_space = std::string(find_text(*payload, "namespace"));
  event.name = std::string(find_text(*payload, "name"));
  const engine::Team* team = engine::team_of(rules_->teams(), event.cluster, event.name_space);
  if (team != nullptr) event.team = team->name;
  if (!given.metadata.empty()) event.metadata = std::move(given.metadata);
  event.payload = std::move(given.payload);
  AWAIT_TRY(const EventId id, life_->store->tell(event));
  if (!id) co_return Error(Code::kDenied, "no workflow is on " + event.source + "'s hook " + event.hook);
  event.id = id;
  life_->pump.offer(std::move(event));
  co_return id;
}

rt::Task<Result<EventId>> Rehearsal::accepting(Given given) {
  if (given.source == kOwnSource) {
    AWAIT(Result<EventId> told, telling(std::move(given)));
    co_return told;
  }
  const auto& sources = rules_->sources().list();
  const auto source =
      std::find_if(sources.begin(), sources.end(), [&](const auto& s) { return s->name() == given.source; });
  if (source == sources.end()) co_return Error(Code::kNotFound, "there is no source '" + given.source + "'");
  if (given.cluster.empty() && (*source)->clusters().size() == 1)
    given.cluster = (*source)->clusters().front();
  intake::Judged judged = read(given, given.received_at.value_or(rt::now()));
  if (judged.refusal) co_return Error(Code::kInvalid, judged.refusal->detail);
  CHECK(judged.proof && judged.event);
  if (const std::string why = (*source)->unwanted(*judged.event); !why.empty())
    co_return Error(Code::kDenied, "not accepted by the source: " + why);
  const engine::Team* team =
      engine::team_of(rules_->teams(), judged.event->cluster, judged.event->name_space);
  if (team != nullptr) judged.event->team = team->name;
  // The cluster's report comes after the source has accepted the call.
  if (given.outcome) judged.event->outcome = *given.outcome;
  judged.event->canary = std::move(given.canary);
  judged.event->release = std::move(given.release);
  Event event = *judged.event;
  AWAIT_TRY(const store::Receipt receipt,
            life_->store->append(std::move(*judged.proof), std::move(judged.delivery),
                                 std::move(judged.event), Identity(), std::nullopt));
  event.id = *receipt.event();
  const EventId id = event.id;
  life_->pump.offer(std::move(event));
  co_return id;
}

void Rehearsal::receive(HttpRequest request, Answered answered) {
  if (life_ == nullptr || crashed()) return answered(std::nullopt);
  const std::uint64_t call = ++calls_;
  open_calls_.emplace(call, std::move(answered));
  request.received_at = rt::now();
  start(receiving(call, std::move(request)));
}

// As the server does: by the head first, then with the body.
rt::Task<> Rehearsal::receiving(std::uint64_t call, HttpRequest request) {
  http::HeadVerdict verdict = life_->pipeline.head(request, false);
  if (auto* refused = std::get_if<HttpResponse>(&verdict)) co_return answer(call, std::move(*refused));
  if (request.body.size() > std::get<http::ReadBody>(verdict).bytes_max)
    co_return answer(call, life_->pipeline.too_large(request));
  AWAIT(HttpResponse response, life_->pipeline.receive(std::move(request)));
  answer(call, std::move(response));
}

void Rehearsal::answer(std::uint64_t call, std::optional<HttpResponse> response) {
  const auto found = open_calls_.find(call);
  if (found == open_calls_.end()) return;
  const Answered answered = std::move(found->second);
  open_calls_.erase(found);
  answered(std::move(response));
}

}  // namespace postlude::rehearsal
