"""Parts about runs on their way: three steps, a broken target beside a sound one, what expressions cost."""

import os
import pathlib
import statistics
import subprocess
import time

from bench import SOURCE, Bench, Missing, binary, wait_until

STEPS = SOURCE + """\
targets: {local: {connector: http, url: 'http://127.0.0.1:%d', auth: none, limits: {concurrency: 64}}}
workflows:
  put:
    on: {source: flagger, phase: Succeeded}
    steps: [{uses: local/request, with: {method: PUT, path: '/releases/${{ .event.checksum }}', body: {name: '${{ .event.name }}'}}}]
"""
# As a release is told: a version is made, a note refers to it, the release is marked.
THREE = SOURCE + """\
targets: {local: {connector: http, url: 'http://127.0.0.1:%d', auth: none, limits: {concurrency: 256}}}
workflows:
  release:
    on: {source: flagger, phase: Succeeded}
    if: '.event.metadata.environment == "production"'
    steps:
      - id: version
        uses: local/request
        with:
          method: PUT
          path: '/versions/${{ .event.checksum }}'
          body: {name: '${{ .event.name }}', project: '${{ .event.metadata.jiraProject }}', released: true}
      - id: note
        uses: local/request
        with:
          method: POST
          path: /notes
          body: {text: 'Released ${{ .event.name }} in ${{ .event.namespace }}', answer: '${{ .steps.version.outputs.status }}'}
      - uses: local/request
        with: {method: PUT, path: '/releases/${{ .event.name }}', body: {note: '${{ .steps.note.outputs.status }}'}}
"""
BROKEN = SOURCE + """\
targets:
  local: {connector: http, url: 'http://127.0.0.1:%d', auth: none, limits: {concurrency: 64}}
  other: {connector: http, url: 'http://127.0.0.1:%d', auth: none, limits: {concurrency: 64}}
workflows:
  flows:
    on: {source: flagger, phase: Succeeded}
    steps: [{uses: local/request, with: {method: PUT, path: '/releases/${{ .event.checksum }}'}}]
  waits:
    on: {source: flagger, phase: Failed}
    steps: [{uses: other/request, with: {method: PUT, path: '/releases/${{ .event.checksum }}'}}]
"""


class FlowingParts(Bench):
    def three(self):
        print("three-step runs", flush=True)
        self.flows("three-step", THREE, 5000, 5000, warm=True)

    # -- one target answers 503, and ten thousand runs wait for it

    def beside_others(self, config, broken):
        """Ten thousand runs of one target first: if it is sound, they end; if it is broken, they wait for it. Then the
        others'."""
        with self.daemon(config, "broken") as daemon:
            sent = 0
            while sent < 10_000:
                sent += self.wrk(daemon.hooks + "/hooks/flagger/post-rollout", kind="failed", names=0, seconds=1)["requests"]
            wait_until(lambda: daemon.metrics()["postlude_events_waiting"] == 0, 120, 0.25, "the planning of what waits")
            if not broken:
                wait_until(lambda: self.runs(daemon, "succeeded") >= sent, 120, 0.25, "the end of what does not wait")
            p99 = self.paced(daemon, 5 if self.quick else 15)
            rate = self.flow(daemon, 2 if self.quick else 4)["overall"]
            waiting = sum(self.runs(daemon, state) for state in ("queued", "running", "waiting"))
            if broken and waiting < sent:
                raise Missing(f"only {waiting:.0f} of {sent} runs still wait for the broken target")
        print(f"  {sent if broken else 0} runs wait for the broken target: {rate:.0f} runs/s, p99 {p99 * 1e3:.1f} ms", flush=True)
        return rate, p99

    def broken(self):
        print("others beside runs that wait for a broken target", flush=True)
        sound, url = self.nginx(self.fresh("nginx"), 200)
        bad = None
        try:
            bad, bad_url = self.nginx(self.fresh("nginx"), 503)
            good_port, bad_port = (int(one.rsplit(":", 1)[1]) for one in (url, bad_url))
            found = self.pairs(2 if self.quick else 4, lambda: self.beside_others(BROKEN % (good_port, bad_port), True),
                               lambda: self.beside_others(BROKEN % (good_port, good_port), False))
        finally:
            for process in (sound, bad):
                if process:
                    self.end(process)
        what = "10,000 runs wait for a broken target, beside none"
        for index, name, unit, scale, goal in ((0, "others' runs per second", "/s", 1, 0.9), (1, "others' p99", " ms", 1e3, 1.5)):
            ours, beside = (statistics.median(pair[side][index] for pair in found) * scale for side in (0, 1))
            ratio = statistics.median(pair[0][index] / pair[1][index] for pair in found)
            digits = 0 if index == 0 else 1
            self.row(f"{name} while {what}", f"{ours:.{digits}f}{unit}", f"{beside:.{digits}f}{unit}", f"{ratio:.2f}",
                     f">= {goal}" if index == 0 else f"<= {goal}", ratio >= goal if index == 0 else ratio <= goal)

    # -- expressions

    def jq(self, program, document):
        """Milliseconds of the jq command for one program on one document."""
        took = []
        for _ in range(5 if self.quick else 20):
            begin = time.perf_counter()
            try:
                subprocess.run(["jq", "-c", program], input=document, capture_output=True, timeout=10, check=True)
            except FileNotFoundError:
                raise Missing("jq is not installed (tools/setup bench)") from None
            except subprocess.CalledProcessError as why:
                raise Missing(f"jq said no: {why.stderr.decode()}") from None
            took.append((time.perf_counter() - begin) * 1e3)
        return statistics.median(took)

    def expressions(self):
        """The binary prints `case NAME MICROSECONDS BESIDE-PARSE` for each; `document`, `program`: for the jq command."""
        print("expressions", flush=True)
        tool = pathlib.Path(os.path.realpath(binary())).with_name("postlude_bench_expressions")
        if not tool.exists():
            raise Missing(f"{tool.name} is not built (make bench builds it)")
        done = subprocess.run([str(tool), "0.2" if self.quick else "1"], capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != 0:
            raise Missing(f"{tool.name} failed: {done.stdout}{done.stderr}")
        told = [line.split("\t") for line in done.stdout.splitlines()]
        facts = {line[0]: line[1] for line in told if len(line) == 2}
        command = self.jq(facts["program"], facts["document"].encode())
        for _, name, micros, parse in (line for line in told if line[0] == "case"):
            self.row(name, f"{float(micros):.2f} us", f"{float(parse):.2f} us", f"{float(micros) / float(parse):.2f}", "-", None)
        self.row("the jq command, one expression on the same document", f"{command * 1e3:.0f} us", "", "", "-", None)
