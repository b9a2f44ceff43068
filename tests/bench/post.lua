-- wrk script: unique calls, as Flagger or Prometheus would make them.
--   wrk -s post.lua URL -- KIND SALT NAMES TOKEN
-- KIND flagger, failed (Flagger telling of a failure) or alert; SALT makes this run's calls differ from another's;
-- NAMES how many canaries take turns (0: a new one each time). The last line it prints is "RESULT requests microseconds
-- errors p50 p99", times in microseconds.

local threads = 0

function setup(thread)
  thread:set("thread", threads)
  threads = threads + 1
end

local flagger = '{"name":"app-%s","namespace":"prod-shop","phase":"PHASE","checksum":"%s",' ..
  '"metadata":{"environment":"production","jiraProject":"PROJ"}}'
local alert = '[{"labels":{"alertname":"ReleaseDone","severity":"info","namespace":"prod-shop","name":"app-%s",' ..
  '"checksum":"%s"},"annotations":{"environment":"production","jiraProject":"PROJ"}}]'

function init(args)
  kind, salt, names = args[1], args[2], tonumber(args[3])
  count = 0
  form = kind == "alert" and alert or flagger:gsub("PHASE", kind == "failed" and "Failed" or "Succeeded")
  headers = {["Content-Type"] = "application/json", ["User-Agent"] = "Go-http-client/1.1"}
  if args[4] then headers["Authorization"] = "Bearer " .. args[4] end
end

function request()
  count = count + 1
  local unique = string.format("%s%x%07x", salt, thread, count)
  local name = names == 0 and unique or tostring(count % names)
  local body = string.format(form, name, unique)
  return wrk.format("POST", nil, headers, body)
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end
