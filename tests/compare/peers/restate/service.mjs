// What a user of Restate writes. `hook` takes Flagger's body as it is (Flagger sends no idempotency-key header) and starts
// a workflow keyed by the release: a second call with the same key does nothing.
import * as restate from "@restatedev/restate-sdk";

const post = async (url, body, headers = {}) => {
  const answer = await fetch(url, {
    method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body),
    signal: AbortSignal.timeout(10000),
  });
  if (answer.status >= 400 && answer.status < 500 && answer.status !== 429)
    throw new restate.TerminalError("refused: " + answer.status);
  if (!answer.ok) throw new Error("status " + answer.status);  // Restate tries it again
  return answer.json();
};

const release = restate.workflow({
  name: "release",
  handlers: {
    run: async (ctx, body) => {
      const name = `${body.name}-${body.checksum}`;
      const version = await ctx.run("version", () =>
        post(process.env.VERSIONS, { name }, { "idempotency-key": name }));
      await ctx.run("pipeline", () => post(process.env.PIPELINES, { release: name, version: version.id }));
      await ctx.run("chat", () => post(process.env.CHAT, { text: `Released ${name}` }));
    },
  },
});

const flagger = restate.service({
  name: "flagger",
  handlers: {
    hook: async (ctx, body) => {
      if (body.phase === "Succeeded") ctx.workflowSendClient(release, `${body.name}-${body.checksum}`).run(body);
    },
  },
});

restate.serve({ services: [release, flagger], port: Number(process.env.PORT3) });
